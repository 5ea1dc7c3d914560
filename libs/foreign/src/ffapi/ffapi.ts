import { decoded } from '../code-page.ts';
import { compose } from '../compose.ts';
import { type FileDialect, reject } from '../foreign-file.ts';
import { withLineFeeds } from '../line-ends.ts';
import { type FfapiMessage, pcCodePage, readFfapi } from './ffapi-file.ts';

const noLimit = Number.POSITIVE_INFINITY;

/** MS Mail's basic message file format: tokens, then text and attachments by their sizes. */
export const ffapi: FileDialect = {
  name: 'ffapi',
  recognise(head) {
    const text = head.toString('latin1', 0, 4_096);
    if (/^\s*VERSION:\d/i.test(text)) return 3;
    return /^(?:TO|FROM|SUBJECT|DATE):/i.test(text) && /^TEXT:\s*\d+\s*$/im.test(text) ? 2 : 0;
  },
  // Whole is what the sizes say; a file whose head is not all of it is found short, or not, when it is read.
  isComplete: (head, _tail, whole) => !whole || readFfapi(head, noLimit).kind !== 'short',
  read(file, { recipientsPerMessage }) {
    if (ffapi.recognise(file.subarray(0, 4_096)) === 0) {
      return reject('unrecognised', 'this is no MS Mail message: it does not begin with VERSION:', 'line 1');
    }
    const message = readFfapi(file, recipientsPerMessage);
    if (message.kind === 'reject') return message;
    if (message.kind === 'short') return reject('incomplete-timeout', 'the file is shorter than its sizes say, or TEXT is missing');
    const { from, recipients, unreadable } = message;
    return { kind: 'read', entries: [{ kind: 'message', sender: from, recipients, unreadable, bytes: file }], notes: [] };
  },
  async translate(bytes, context) {
    const message = readFfapi(bytes, noLimit);
    if (message.kind === 'reject') return message;
    if (message.kind === 'short') return reject('syntax', 'this is not a whole message');
    const { from, recipients, subject, kept, text, files } = message;
    const priority = priorityOf(message.priority);
    const date = dateOf(message);
    return compose(
      {
        from: { address: from },
        to: recipients.map(({ address }) => ({ address })),
        cc: [],
        ...(subject === undefined ? {} : { subject }),
        ...(date === undefined ? {} : { date }),
        ...priority,
        ...(/^r$/i.test(message.priority ?? '') ? { receiptTo: { address: from } } : {}),
        kept: [...kept, ...(message.priority === undefined ? [] : [{ name: 'X-Foreign-Priority', value: message.priority }])],
        text: withoutRuler(decoded(withLineFeeds(text), pcCodePage)),
        files,
      },
      context,
    );
  },
};

function priorityOf(text: string | undefined): { importance?: 'low' | 'high'; priority?: 'non-urgent' | 'urgent' } {
  if (text === '4' || text === '5') return { importance: 'high', priority: 'urgent' };
  return text === '1' || text === '2' ? { importance: 'low', priority: 'non-urgent' } : {};
}

/** The format has no zone: read as UTC. */
function dateOf({ date, time }: FfapiMessage): number | undefined {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(date ?? '') ?? [];
  const [, hour = '0', minute = '0'] = /^(\d{1,2}):(\d{2})$/.exec(time ?? '') ?? [];
  if (year === '') return undefined;
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  const back = new Date(at);
  return back.getUTCDate() === Number(day) && back.getUTCMonth() === Number(month) - 1 ? at : undefined;
}

/** The text begins with a line of one character 78 times, which parts it from the header on paper. */
function withoutRuler(text: string): string {
  return text.replace(/^(.)\1{77}\n/, '');
}
