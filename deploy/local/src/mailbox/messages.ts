import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { oneLine } from '@mailrail/mail';
import { simpleParser } from 'mailparser';

/** A message in a Maildir. */
export interface StoredMessage {
  file: string;
  at: number; // when it came here, milliseconds since the epoch
  sizeBytes: number;
}

/** A message decoded for reading. Header texts are safe for a terminal; `text` has line feeds and tabs only. */
export interface ReadableMessage {
  from: string;
  to: string;
  date: string;
  subject: string;
  messageId: string;
  isReport: boolean;
  text: string;
  parts: { name: string; type: string; sizeBytes: number }[];
}

/** Larger files are listed, not decoded. */
const maxDecodedBytes = 60 * 1024 * 1024;

/** Messages of a Maildir, oldest first. Empty when there is no such mailbox yet. */
export async function messagesIn(maildir: string): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  for (const folder of ['new', 'cur']) {
    for (const name of await readdir(path.join(maildir, folder)).catch(() => [])) {
      const file = path.join(maildir, folder, name);
      // Gone since it was listed: another program reads this mailbox, too.
      const facts = await stat(file).catch(() => undefined);
      if (facts?.isFile() === true) messages.push({ file, at: facts.ctimeMs, sizeBytes: facts.size });
    }
  }
  return messages.sort((a, b) => a.at - b.at || a.file.localeCompare(b.file));
}

/** @throws Error when it cannot be read or is too large to be decoded. */
export async function readMessage({ file, sizeBytes }: StoredMessage): Promise<ReadableMessage> {
  if (sizeBytes > maxDecodedBytes) throw new Error(`${file} has ${sizeBytes} bytes and is not decoded`);
  const parsed = await simpleParser(createReadStream(file), { skipImageLinks: true, skipTextToHtml: true });
  const addresses = (field: typeof parsed.to) =>
    oneLine(
      [field]
        .flat()
        .map((one) => one?.text ?? '')
        .join(', '),
      300,
    );
  const type = parsed.headers.get('content-type');
  const kind = typeof type === 'object' && 'value' in type ? type.value : '';
  return {
    from: oneLine(parsed.from?.text ?? '', 300),
    to: addresses(parsed.to),
    date: parsed.date?.toISOString() ?? '',
    subject: oneLine(parsed.subject ?? '', 300),
    messageId: oneLine(parsed.messageId ?? '', 300),
    isReport: kind === 'multipart/report',
    text: forTerminal(parsed.text ?? ''),
    parts: parsed.attachments.map(({ filename, contentType, size }) => ({
      name: oneLine(filename ?? '', 200),
      type: oneLine(contentType, 100),
      sizeBytes: size,
    })),
  };
}

/** Foreign text must not move the cursor, change colours or answer the terminal. */
export function forTerminal(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\p{Cf}]/gu, (character) => (character === '\n' || character === '\t' ? character : ''));
}
