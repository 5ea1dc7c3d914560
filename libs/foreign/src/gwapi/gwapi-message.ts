import { type Notify, oneLine, parseAddress } from '@mailrail/mail';
import { decoded, textOf } from '../code-page.ts';
import type { Composition, HeaderAddress } from '../compose.ts';
import { type EntryRecipient, nobodyToSendTo, type Reject, reject } from '../foreign-file.ts';
import { isPlainName, shownName } from '../file-name.ts';
import { messageIdFor } from '../foreign-id.ts';
import { gwapiDate } from './gwapi-date.ts';
import { type KeywordFile, type KeywordItem, readKeywords } from './keywords.ts';

/** A message file of the API gateway, understood. */
export interface GwapiMessage {
  kind: 'gwapi';
  isStatus: boolean;
  from: HeaderAddress | undefined;
  recipients: EntryRecipient[];
  unreadable: { text: string; where: string; reason: string }[];
  bodyFile: string | undefined;
  attachments: { file: string; name: string }[];
  foreignId: string | undefined;
  wantsStatus: boolean;
  bodyCharacters: string;
  keywords: KeywordFile;
}

/** `T50` is the character set of PCs; which code page, the file does not say, and in Europe it was this one. */
const pcCodePage = 'cp850';

export function inCharacters(bytes: Buffer, name: string): string {
  return name.toUpperCase() === 'T50' ? decoded(bytes, pcCodePage) : textOf(bytes, pcCodePage);
}

/** Reads a message file. Which character set its own text has stands in it, in ASCII. */
export function readGwapi(file: Buffer, maxRecipients: number): GwapiMessage | Reject {
  const headerCharacters = /Header-Char\s*=\s*([A-Za-z0-9-]{1,20})/i.exec(file.toString('latin1', 0, 4_096))?.[1] ?? '';
  const keywords = readKeywords(inCharacters(file, headerCharacters));
  if (keywords.kind === 'reject') return keywords;
  const type = textIn(keywords, 'msg-type')?.toLowerCase() ?? 'mail';
  if (type !== 'mail' && type !== 'status') {
    return reject('unsupported-type', `files of type "${oneLine(type, 40)}" are not carried, only mail and status`, 'Msg-Type');
  }
  const notify = notifyOf(textIn(keywords, 'status-request'));
  const recipients: EntryRecipient[] = [];
  const unreadable: GwapiMessage['unreadable'] = [];
  for (const { where, items } of ['to', 'cc', 'bc'].map((key) => ({ where: key.toUpperCase(), items: itemsIn(keywords, key) }))) {
    for (const item of items) {
      const read = addressOf(item);
      if (typeof read !== 'string')
        unreadable.push({ text: oneLine(textOfItem(item), 100), where, reason: `is no GroupWise address: ${read.reason}` });
      else recipients.push({ address: read, where, ...(notify === undefined ? {} : { notify }) });
    }
  }
  if (recipients.length + unreadable.length > maxRecipients) return reject('too-many-recipients', `more than ${maxRecipients} recipients`);
  if (recipients.length === 0) return nobodyToSendTo(unreadable, 'To, CC and BC are empty', 'To');
  const [sender] = itemsIn(keywords, 'from');
  const from = sender === undefined ? undefined : addressOf(sender);
  if (type === 'mail' && typeof from !== 'string') return reject('envelope', 'nobody to answer to: From is missing or no address', 'From');

  const bodyFile = textIn(keywords, 'msg-file') || undefined;
  const attachments = itemsIn(keywords, 'attach-file').map((item, index) => {
    const name = item.fields.get('current-filename') ?? item.bare;
    return { file: name, name: shownName(item.fields.get('original-filename') ?? name, `attachment-${index + 1}`) };
  });
  for (const name of [...(bodyFile === undefined ? [] : [bodyFile]), ...attachments.map(({ file: one }) => one)]) {
    if (!isPlainName(name)) {
      return reject(
        'attachment-path',
        `"${oneLine(name, 80)}" is not the name of a file in ATT_IN`,
        bodyFile === name ? 'Msg-File' : 'Attach-File',
      );
    }
  }
  const title = textIn(keywords, 'from-text');
  return {
    kind: 'gwapi',
    isStatus: type === 'status',
    from: typeof from === 'string' ? { address: from, ...(title === undefined ? {} : { name: title }) } : undefined,
    recipients,
    unreadable,
    bodyFile,
    attachments,
    foreignId: textIn(keywords, 'msg-id') || undefined,
    wantsStatus: !/^\s*none\s*$/i.test(textIn(keywords, 'status-request') ?? ''),
    bodyCharacters: textIn(keywords, 'msg-char') ?? '',
    keywords,
  };
}

/** The message as mail has it, without its files. */
export function composition(message: GwapiMessage, hostname: string): Omit<Composition, 'files' | 'text'> {
  const { keywords, from, isStatus, foreignId } = message;
  const date = gwapiDate(textIn(keywords, 'date-sent') ?? '');
  const priority = textIn(keywords, 'msg-priority')?.toLowerCase();
  const security = textIn(keywords, 'security');
  const about = textIn(keywords, 'orig-msg-id');
  const wishes = words(textIn(keywords, 'status-request'));
  const subject = textIn(keywords, 'subject');
  const sensitivity = sensitivityOf(security);
  return {
    ...(from === undefined ? {} : { from }),
    to: shown(keywords, 'all-to', 'to'),
    cc: shown(keywords, 'all-cc', 'cc'),
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date: date.at }),
    ...(foreignId === undefined ? {} : { messageId: messageIdFor(foreignId, 'gwapi', hostname) }),
    ...(about === undefined || about === '' ? {} : { inReplyTo: messageIdFor(about, 'gwapi', hostname) }),
    ...(priority === 'high' ? { importance: 'high' as const, priority: 'urgent' as const } : {}),
    ...(priority === 'low' ? { importance: 'low' as const, priority: 'non-urgent' as const } : {}),
    ...(sensitivity === undefined ? {} : { sensitivity }),
    ...(wishes.includes('opened') && from !== undefined ? { receiptTo: from } : {}),
    isAutomatic: isStatus,
    kept: [
      ...(foreignId === undefined ? [] : [{ name: 'X-Foreign-ID', value: foreignId }]),
      ...(date === undefined || date.hasZone
        ? []
        : [{ name: 'X-Foreign-Date-Sent', value: `${textIn(keywords, 'date-sent') ?? ''} (no zone)` }]),
      ...keywords.values.flatMap(({ key, title, value }) =>
        carried.has(key) || value.kind === 'items' || value.text === '' || isUsual(key, value.text)
          ? []
          : [{ name: `X-Foreign-${title.replaceAll(' ', '-')}`, value: value.text }],
      ),
    ],
  };
}

/** Keywords that have a field of their own, or that speak of the file and not of the message. */
const carried = new Set([
  'wpc-api',
  'header-char',
  'msg-char',
  'msg-type',
  'msg-file',
  'msg-id',
  'orig-msg-id',
  'subject',
  'date-sent',
  'from-text',
  'msg-priority',
]);
const isUsual = (key: string, text: string): boolean =>
  (key === 'security' && /^normal$/i.test(text)) || ((key === 'send-options' || key === 'status-request') && /^none$/i.test(text));

/** Everybody who may be shown: the full list where the file has one, since this file may be for a part of them only. */
function shown(keywords: KeywordFile, all: string, own: string): HeaderAddress[] {
  const items = itemsIn(keywords, all);
  return (items.length > 0 ? items : itemsIn(keywords, own)).flatMap((item) => {
    const read = addressOf(item);
    return typeof read === 'string' ? [{ address: read }] : [];
  });
}

/**
 * The address of an item: its components, else the one text that holds all of it. Behind `^` in a CDBA stands what some gateways hide
 * there for themselves.
 */
function addressOf(item: KeywordItem): string | { reason: string } {
  const of = (key: string): string => item.fields.get(key)?.trim() ?? '';
  const whole = (of('cdba') || item.bare).split('^', 1)[0]?.trim() ?? '';
  const user = of('wpu');
  const written = user.includes('@')
    ? user
    : whole.includes('@') && user === ''
      ? whole
      : `GWISE:${user === '' ? whole : `${of('wpd')}.${of('wppo')}.${user}`}`;
  const read = parseAddress(written);
  return read.ok ? read.value : { reason: read.reason };
}

function textOfItem({ fields, bare }: KeywordItem): string {
  return bare === '' ? [...fields].map(([key, value]) => `${key}=${value}`).join(' ') : bare;
}

export function textIn({ values }: KeywordFile, key: string): string | undefined {
  const found = values.find((one) => one.key === key)?.value;
  return found?.kind === 'text' ? found.text : undefined;
}

function itemsIn({ values }: KeywordFile, key: string): KeywordItem[] {
  return values.flatMap((one) => (one.key === key && one.value.kind === 'items' ? one.value.items : []));
}

function words(text: string | undefined): string[] {
  return (text ?? '')
    .toLowerCase()
    .split(',')
    .map((word) => word.trim());
}

function notifyOf(request: string | undefined): Notify | undefined {
  const wishes = words(request);
  if (wishes.includes('delivered') || wishes.includes('full')) return ['success', 'failure'];
  return wishes.includes('none') ? ['failure'] : undefined;
}

function sensitivityOf(security: string | undefined): Composition['sensitivity'] {
  const word = security?.trim().toLowerCase() ?? '';
  if (word === '' || word === 'normal') return undefined;
  return word.startsWith('for your eyes') ? 'Private' : 'Company-Confidential';
}
