import type { ComposedFile } from '../compose.ts';
import { type FileRead, type ReadLimits, type Reject, reject, type TranslateContext, type Translated } from '../foreign-file.ts';
import { bodiesOf } from './body.ts';
import { composedMapi } from './composed-mapi.ts';
import { orReject } from './fault.ts';
import type { MapiMessage } from './mapi-message.ts';
import { isCarried, isReport, writersOf } from './message-facts.ts';
import { peopleOf } from './people.ts';
import { numberIn } from './properties.ts';
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
    checkBodies(message);
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
    const [first] = unreadable;
    const { damage } = message;
    if (damage !== undefined && (recipients.length === 0 || writer === undefined)) {
      return reject(damage.code, `it is damaged, and nothing says who it is for: ${damage.reason}`);
    }
    if (writer === undefined) return reject('envelope', `nobody to answer to: the sender ${reason || 'is missing'}`, 'sender');
    if (recipients.length === 0) {
      const why =
        first === undefined ? 'nobody to send it to: it has no recipients' : `no recipient is left: "${first.text}" ${first.reason}`;
      return reject('envelope', why, first?.where ?? 'recipients');
    }
    // A report is never answered by one.
    const quiet = isAReport ? recipients.map((one) => ({ ...one, notify: 'never' as const })) : recipients;
    return {
      kind: 'read',
      entries: [{ kind: 'message', sender: writer, recipients: quiet, unreadable, bytes: file }],
      notes: [...message.notes, ...(damage === undefined ? [] : [damage.reason])],
    };
  });
}

/** What the translator would stumble over is found before the file is taken. */
function checkBodies({ properties, attachments }: MapiMessage): void {
  bodiesOf(properties);
  for (const { embedded } of attachments) if (embedded !== undefined) checkBodies(embedded);
}

export async function translateEntry(
  file: Buffer,
  parse: (file: Buffer, maxRecipients: number) => MapiMessage,
  context: TranslateContext,
  whole: () => ComposedFile,
): Promise<Translated | Reject> {
  const message = orReject(() => parse(file, Number.POSITIVE_INFINITY));
  if ('kind' in message) return message;
  const parts: Buffer[] = [];
  for await (const part of composedMapi(message, context, isCarried(message) && !isDamaged(message) ? undefined : whole()))
    parts.push(part);
  return { kind: 'message', parts };
}

function isDamaged({ damage, attachments }: MapiMessage): boolean {
  return damage !== undefined || attachments.some(({ embedded }) => embedded !== undefined && isDamaged(embedded));
}
