import type { ComposedFile } from '../compose.ts';
import {
  type FileRead,
  nobodyToSendTo,
  type ReadLimits,
  type Reject,
  reject,
  type TranslateContext,
  type Translated,
} from '../foreign-file.ts';
import { maxRtfBytes, rtfBytesSaid } from './compressed-rtf.ts';
import { composedMapi } from './composed-mapi.ts';
import { orReject } from './fault.ts';
import type { MapiMessage } from './mapi-message.ts';
import { isCarried, isReport, writersOf } from './message-facts.ts';
import { peopleOf } from './people.ts';
import { bytesIn, joined, numberIn } from './properties.ts';
import { peopleOfReport } from './report.ts';
import { tag } from './tags.ts';

const unsent = 0x08;

/**
 * The envelope of a message whose file has none of its own: who sent it, and everybody in its table, as a pickup folder takes them.
 */
export function readEntry(
  file: Buffer,
  parse: (file: Buffer, maxRecipients: number) => MapiMessage,
  limits: ReadLimits,
): FileRead | Reject {
  return orReject(() => {
    const message = parse(file, limits.recipientsPerMessage);
    const rtfBytes = rtfBytesIn(message);
    if (rtfBytes > maxRtfBytes) return reject('decode-bomb', `its RTF text says it is ${rtfBytes} bytes large, once it is unpacked`);
    const isAReport = isReport(message);
    const { recipients, unreadable } = isAReport ? peopleOfReport(message) : peopleOf(message);
    const { from, sender, reason } = writersOf(message);
    const writer = isAReport ? null : (sender ?? from)?.address;
    if (((numberIn(message.properties, tag.messageFlags) ?? 0) & unsent) !== 0) {
      return reject('unsupported-type', 'this is a draft: it was written, and never sent');
    }
    if (recipients.length + unreadable.length > limits.recipientsPerMessage) {
      return reject('too-many-recipients', `more than ${limits.recipientsPerMessage} recipients`);
    }
    const { damage } = message;
    if (damage !== undefined && (recipients.length === 0 || writer === undefined)) {
      return reject(damage.code, `it is damaged, and nothing says who it is for: ${damage.reason}`);
    }
    if (writer === undefined) return reject('envelope', `nobody to answer to: the sender ${reason || 'is missing'}`, 'sender');
    if (recipients.length === 0) return nobodyToSendTo(unreadable, 'it has no recipients', 'recipients');
    // A report is never answered by one.
    const quiet = isAReport ? recipients.map((one) => ({ ...one, notify: 'never' as const })) : recipients;
    return {
      kind: 'read',
      entries: [{ kind: 'message', sender: writer, recipients: quiet, unreadable, bytes: file }],
      notes: [...message.notes, ...(damage === undefined ? [] : [damage.reason])],
    };
  });
}

/** All RTF texts of a file together, as large as they say they are: to undo the compression is for the translator. */
function rtfBytesIn({ properties, attachments }: MapiMessage): number {
  const own = bytesIn(properties, tag.rtfCompressed);
  const inner = attachments.map(({ embedded }) => (embedded === undefined ? 0 : rtfBytesIn(embedded)));
  return inner.reduce((sum, size) => sum + size, own === undefined ? 0 : rtfBytesSaid(joined(own, 16)));
}

export async function translateEntry(
  file: Buffer,
  parse: (file: Buffer, maxRecipients: number) => MapiMessage,
  context: TranslateContext,
  whole: () => ComposedFile,
): Promise<Translated | Reject> {
  const message = orReject(() => parse(file, Number.POSITIVE_INFINITY));
  if ('kind' in message) return message;
  // All at once, messages in messages too: a directory that does not answer must not end a message in its middle.
  const { prepare, ...prepared } = context;
  await prepare?.(addressesIn(message));
  const parts: Buffer[] = [];
  const options = isCarried(message) && !isDamaged(message) ? {} : { whole: whole() };
  for await (const part of composedMapi(message, prepared, options)) parts.push(part);
  return { kind: 'message', parts };
}

/** Everybody a header, a calendar part or a status may name. */
function addressesIn(message: MapiMessage): string[] {
  const { from, sender } = writersOf(message);
  const { to, cc } = peopleOf(message);
  const own = [from, sender, ...to, ...cc].flatMap((one) => (one === undefined ? [] : [one.address]));
  return own.concat(message.attachments.flatMap(({ embedded }) => (embedded === undefined ? [] : addressesIn(embedded))));
}

function isDamaged({ damage, attachments }: MapiMessage): boolean {
  return damage !== undefined || attachments.some(({ embedded }) => embedded !== undefined && isDamaged(embedded));
}
