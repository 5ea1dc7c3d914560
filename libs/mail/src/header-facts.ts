import { parseDateTime } from './date-time.ts';
import { unfold, visitFields } from './header-block.ts';
import { isName, startsWithName } from './header-line.ts';
import { oneLine } from './one-line.ts';

/** What transport wants to know of a header block; the shape of the facts on the bus. */
export interface HeaderFacts {
  messageId?: string; // as written, angle brackets included, at most 998 characters
  date?: number; // milliseconds since the epoch
  receivedCount: number; // `Received` fields, ours included (E2)
  headerBytes: number; // blank line included
  autoSubmitted: boolean; // RFC 3834: no automatic answer to it
  priority: Priority;
}
export type Priority = 'non-urgent' | 'normal' | 'urgent';

/** What is known of a header block that is not there. */
export const noHeader: HeaderFacts = { receivedCount: 0, headerBytes: 0, autoSubmitted: false, priority: 'normal' };

/**
 * How many `Received` fields a message brought along: the limit of E2 is about those. Each line writes exactly one, at its gateway,
 * before anything here counts them (so that a message as old as the limit allows is not turned away for our own).
 */
export function receivedOnArrival({ receivedCount }: Pick<HeaderFacts, 'receivedCount'>): number {
  return Math.max(0, receivedCount - 1);
}

/**
 * Reads the header block once. Of repeated fields the first counts; a field that cannot be read is as if it were not there.
 *
 * @param bytes the beginning of a message, at least its header block; what is longer costs nothing.
 */
export function headerFacts(bytes: Buffer): HeaderFacts {
  let receivedCount = 0;
  let messageId: string | undefined;
  let date: number | undefined;
  let autoSubmitted = false;
  // Told to people, but in this order the best sign of what the sender wants: Importance, Priority, X-Priority, X-MSMail-Priority.
  const priorities: (Priority | undefined)[] = [];
  const value = (start: number, end: number) => unfold(bytes, start, Math.min(end, start + 4_096));

  const headerBytes = visitFields(bytes, (start, nameEnd, valueStart, end) => {
    const is = (name: string) => isName(bytes, start, nameEnd, name);
    switch ((bytes[start] ?? 0) | 0x20) {
      case 0x72: // r
        if (is('received')) receivedCount += 1;
        break;
      case 0x6d: // m
        if (messageId === undefined && is('message-id')) messageId = oneLine(value(valueStart, end), 998) || undefined;
        break;
      case 0x64: // d
        if (date === undefined && is('date')) date = parseDateTime(value(valueStart, end));
        break;
      case 0x61: // a
        // `no` says that a person wrote it (RFC 3834 §5.2); anything else, also what we do not know, is automatic.
        if (is('auto-submitted') && !/^no\b/i.test(value(valueStart, end))) autoSubmitted = true;
        break;
      case 0x6c: // l
        // RFC 2369 and 2919: List-Id, List-Unsubscribe, List-Post and so on.
        if (startsWithName(bytes, start, nameEnd, 'list-')) autoSubmitted = true;
        break;
      case 0x69: // i
        if (priorities[0] === undefined && is('importance')) priorities[0] = priorityWord(value(valueStart, end));
        break;
      case 0x70: // p
        if (priorities[1] === undefined && is('priority')) priorities[1] = priorityWord(value(valueStart, end));
        else if (is('precedence') && /^(bulk|list|junk)\b/i.test(value(valueStart, end))) autoSubmitted = true;
        break;
      case 0x78: // x
        if (priorities[2] === undefined && is('x-priority')) priorities[2] = priorityDigit(value(valueStart, end));
        else if (priorities[3] === undefined && is('x-msmail-priority')) priorities[3] = priorityWord(value(valueStart, end));
        break;
      default:
    }
    return undefined;
  });
  return {
    ...(messageId === undefined ? {} : { messageId }),
    ...(date === undefined ? {} : { date }),
    receivedCount,
    headerBytes,
    autoSubmitted,
    priority: priorities.find((one) => one !== undefined) ?? 'normal',
  };
}

const words: Readonly<Record<string, Priority>> = {
  high: 'urgent',
  urgent: 'urgent',
  normal: 'normal',
  medium: 'normal',
  low: 'non-urgent',
  'non-urgent': 'non-urgent',
};

function priorityWord(value: string): Priority | undefined {
  return words[/^[a-z-]+/.exec(value.toLowerCase())?.[0] ?? ''];
}

/** `1 (Highest)` to `5 (Lowest)`. */
function priorityDigit(value: string): Priority | undefined {
  const digit = /^[1-5](?!\d)/.exec(value)?.[0];
  if (digit === undefined) return undefined;
  return digit < '3' ? 'urgent' : digit === '3' ? 'normal' : 'non-urgent';
}
