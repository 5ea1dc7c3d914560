import { splitAddress } from '@mailrail/mail';
import { keywordText, statusFile } from '../gwapi/status-file.ts';
import { encodeText, writeText } from './code-page-text.ts';
import type { FileWriter, OutFiles, OutMessage, Spool } from './file-writer.ts';
import { type HeaderPerson, type InternetMessage, readInternetMessage } from './internet-message.ts';
import type { StatusReport } from './delivery-status.ts';

/**
 * Keyword files for the API gateway of GroupWise: bodies and attachments go into ATT_OUT before the message file is in OUT. A report
 * about a message of theirs becomes a status.
 */
export const gwapiWriter: FileWriter = {
  name: 'gwapi',
  extension: '.api',
  addressType: 'GWISE',
  carriesWishes: false,
  async write(message, spool) {
    const mail = await readInternetMessage(message.open(), spool);
    const [first] = message.recipients;
    const foreignId = mail.report?.foreignId;
    if (mail.report !== undefined && foreignId !== undefined && first !== undefined) {
      return status(first.address, foreignId, mail.report, spool);
    }
    return keywordFile(message, mail, spool);
  },
};

const words: Readonly<Record<StatusReport['recipients'][number]['action'], string>> = {
  failed: 'Undeliverable',
  delayed: 'Pending',
  delivered: 'Delivered',
  relayed: 'Transferred',
  expanded: 'Delivered',
};

async function status(to: string, foreignId: string, { recipients }: StatusReport, spool: () => Promise<Spool>): Promise<OutFiles> {
  const [first] = recipients;
  const file = await spool();
  const reason = recipients.map(({ recipient, reason: why }) => (why === '' ? recipient : `${recipient}: ${why}`)).join(', ');
  await file.write(statusFile({ to, foreignId, reason, code: first?.status ?? '', status: words[first?.action ?? 'failed'] }));
  return { kind: 'files', main: file, parts: [], notes: [] };
}

async function keywordFile(message: OutMessage, mail: InternetMessage, spool: () => Promise<Spool>): Promise<OutFiles> {
  const known = await message.known([...mail.from, ...mail.to, ...mail.cc].map(({ address }) => address));
  const theirs = ({ address }: HeaderPerson): string => known.get(address) ?? address;
  const [to, cc] = [mail.to.map(theirs), mail.cc.map(theirs)];
  const [from] = mail.from;
  const sender = message.sender ?? (from === undefined ? message.postmaster : theirs(from));
  const key = (address: string): string => address.toLowerCase();
  const isIn = (list: readonly string[]) => (address: string) => list.some((one) => key(one) === key(address));
  const envelope = message.recipients.map(({ address }) => address);
  const direct = envelope.filter(isIn(to));
  const copied = envelope.filter((address) => !isIn(to)(address) && isIn(cc)(address));
  const blind = envelope.filter((address) => !isIn([...to, ...cc])(address));

  const body = await spool();
  const missing = await writeText(mail.text, body);
  const parts = [{ name: `${message.name}.bdy`, spool: body }];
  const attached: string[] = [];
  const attach = (shown: string, file: Spool): void => {
    const current = `${message.name}.${(attached.length + 1).toString().padStart(3, '0')}`;
    parts.push({ name: current, spool: file });
    attached.push(`Current-FileName= ${current}; Original-FileName= ${keywordText(shown)}; `);
  };
  for (const { name, spool: file } of mail.files) attach(name, file);
  if (missing > 0) {
    // What the code page does not have is not lost: the whole text beside it, as it was.
    const whole = await spool();
    await whole.write(Buffer.from(mail.text));
    attach('text-utf8.txt', whole);
  }
  const list = (name: string, items: readonly string[]): string[] => (items.length === 0 ? [] : [`${name}= ${items.join(',\r\n    ')} ;`]);
  const wishes = [
    ...(message.recipients.some(({ notify }) => notify !== 'never' && notify?.includes('success') === true) ? ['Delivered'] : []),
    ...(mail.wantsReceipt ? ['Opened'] : []),
  ];
  const neverAsked = message.recipients.every(({ notify }) => notify === 'never') ? ['None'] : [];
  const request = wishes.length > 0 ? wishes : neverAsked;
  const lines = [
    'WPC-API= 1.2;',
    'Header-Char= T50;',
    'Msg-Type= MAIL;',
    `From= ${item(sender)} ;`,
    ...text('From-Text', from?.name),
    ...list('To', direct.map(item)),
    ...list('CC', copied.map(item)),
    ...list('BC', blind.map(item)),
    ...list('All-To', to.map(item)),
    ...list('All-CC', cc.map(item)),
    ...text('To-Text', mail.to.map(({ name, address }) => name || splitAddress(address).value).join(', ')),
    ...text('Subject', mail.subject),
    'Msg-Char= T50;',
    `Msg-File= ${message.name}.bdy;`,
    ...list('Attach-File', attached),
    ...text('Msg-Id', mail.messageId),
    ...text('Orig-Msg-ID', mail.inReplyTo),
    `Date-Sent= ${dateText(mail.date ?? message.acceptedAt)};`,
    ...(mail.sensitivity === undefined ? [] : [`Security= ${securityOf(mail.sensitivity)};`]),
    `Msg-Priority= ${mail.importance === 'high' ? 'High' : mail.importance === 'low' ? 'Low' : 'Normal'};`,
    ...(request.length === 0 ? [] : [`Status-Request= ${request.join(', ')};`]),
    '-END-',
    '',
  ];
  const header = encodeText(lines.join('\r\n'));
  const main = await spool();
  await main.write(header.bytes);
  const lost = missing + header.missing;
  return {
    kind: 'files',
    main,
    parts,
    notes: lost === 0 ? [] : [`${lost} letters are not in its code page`],
  };
}

/** One address in a list: its components, or the whole of an Internet address. */
function item(address: string): string {
  const { type, value } = splitAddress(address);
  const [domain = '', office = '', ...rest] = type === 'GWISE' ? value.split('.') : [];
  const user = rest.join('.');
  if (user === '') return `WPU= ${keywordText(value)}; CDBA= ${keywordText(value)}; `;
  return `WPD= ${keywordText(domain)}; WPPO= ${keywordText(office)}; WPU= ${keywordText(user)}; CDBA= ${keywordText(value)}; `;
}

function text(name: string, value: string | undefined): string[] {
  return value === undefined || value.trim() === '' ? [] : [`${name}= ${keywordText(value)};`];
}

/** The day first, in UTC. */
function dateText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => value.toString().padStart(2, '0');
  const time = `${date.getUTCHours()}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${date.getUTCDate()}/${date.getUTCMonth() + 1}/${date.getUTCFullYear()} ${time} +0`;
}

function securityOf(sensitivity: string): string {
  if (sensitivity === 'company-confidential') return 'Confidential';
  return sensitivity === 'private' || sensitivity === 'personal' ? 'For Your Eyes Only' : 'Normal';
}
