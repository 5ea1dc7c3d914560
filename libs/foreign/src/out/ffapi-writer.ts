import { oneLine, splitAddress } from '@mailrail/mail';
import { encodeText, writeText } from './code-page-text.ts';
import type { FileWriter, Spool } from './file-writer.ts';
import { readInternetMessage } from './internet-message.ts';

const ruler = `${'-'.repeat(78)}\r\n`;
const maxSubjectLetters = 250;

/** Basic message files of MS Mail: everything in one file, sizes before bytes. */
export const ffapiWriter: FileWriter = {
  name: 'ffapi',
  extension: '.mai',
  addressType: 'MS',
  carriesWishes: false,
  async write(message, spool) {
    const mail = await readInternetMessage(message.open(), spool);
    const known = await message.known(mail.from.map(({ address }) => address));
    const [from] = mail.from;
    const sender = message.sender ?? (from === undefined ? message.postmaster : (known.get(from.address) ?? from.address));

    const body = await spool();
    await body.write(Buffer.from(ruler));
    const missing = await writeText(mail.text, body);
    const files: { name: string; spool: Spool }[] = [];
    const taken = new Set<string>();
    for (const file of mail.files) files.push({ name: shortName(file.name, taken), spool: file.spool });
    if (missing > 0) {
      const whole = await spool();
      await whole.write(Buffer.from(mail.text));
      files.push({ name: shortName('TEXTUTF8.TXT', taken), spool: whole });
    }
    const [date = '', time = ''] = new Date(mail.date ?? message.acceptedAt).toISOString().split('T');
    const tokens = [
      'VERSION:3.00',
      ...message.recipients.map(({ address }) => `TO:${written(address)}`),
      `FROM:${written(sender)}`,
      `DATE:${date}`,
      `TIME:${time.slice(0, 5)}`,
      `SUBJECT:${oneLine(mail.subject, maxSubjectLetters)}`,
      `PRIORITY:${mail.wantsReceipt ? 'R' : mail.importance === 'high' ? '5' : mail.importance === 'low' ? '1' : '3'}`,
      ...files.map((file) => `ATTACHMENTS:${file.name} ${file.spool.sizeBytes}`),
      `TEXT:${body.sizeBytes}`,
      '',
    ];
    const head = encodeText(tokens.join('\r\n'));
    const main = await spool();
    await main.write(head.bytes);
    for (const part of [body, ...files.map((file) => file.spool)]) for await (const chunk of part.read()) await main.write(chunk);
    const lost = missing + head.missing;
    return {
      kind: 'files',
      main,
      parts: [],
      notes: lost === 0 ? [] : [`${lost} letters are not in its code page`],
    };
  },
};

/** `NET/PO/BOX`; addresses of other gateways with their type. */
function written(address: string): string {
  const { type, value } = splitAddress(address);
  return oneLine(type === 'MS' ? value : `${type}:${value}`, 1_200);
}

/** A name DOS has room for, and no other attachment has. */
function shortName(name: string, taken: Set<string>): string {
  const dot = name.lastIndexOf('.');
  const clean = (part: string, most: number): string =>
    part
      .normalize('NFKD')
      .toUpperCase()
      .replaceAll(/[^A-Z0-9_-]/g, '')
      .slice(0, most);
  const base = clean(dot < 0 ? name : name.slice(0, dot), 8) || 'FILE';
  const extension = dot < 0 ? '' : clean(name.slice(dot + 1), 3);
  const whole = (stem: string): string => (extension === '' ? stem : `${stem}.${extension}`);
  let found = whole(base);
  for (let number = 1; taken.has(found); number += 1) found = whole(`${base.slice(0, 7 - number.toString().length)}~${number}`);
  taken.add(found);
  return found;
}
