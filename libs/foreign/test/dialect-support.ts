import { readFileSync } from 'node:fs';
import path from 'node:path';
import { imceaMailbox, smtpMailbox } from '@mailrail/mail';
import type { Entry, FileDialect, FileRead, Reject, TranslateContext } from '../src/index.ts';

export const limits = { recipientsPerMessage: 100, messageBytes: 1_000_000 };
export const context: TranslateContext = {
  rootId: '01990000-0000-7000-8000-000000000001',
  at: Date.parse('2026-10-05T06:00:00Z'),
  hostname: 'ex1.corp.example',
  mailbox: (address) => smtpMailbox(address) ?? imceaMailbox(address, 'corp.example'),
};

export function sample(dialect: string, name: string): Buffer {
  return readFileSync(path.join(import.meta.dirname, '..', 'samples', dialect, name));
}

/** Lines as such a file has them, each ended by CRLF. */
export function lines(...text: string[]): Buffer {
  return Buffer.from(text.map((line) => `${line}\r\n`).join(''));
}

/** One line for what a file is: each message with its envelope, or why not. */
export function summary(read: FileRead | Reject): string[] {
  if (read.kind === 'reject') return [`${read.code}: ${read.reason}`];
  return read.entries.map((entry) =>
    entry.kind === 'bad'
      ? `bad ${entry.reject.code}: ${entry.reject.reason}`
      : `${entry.sender ?? '<>'} -> ${entry.recipients.map(({ address }) => address).join(' ')}`,
  );
}

export function entryOf(read: FileRead | Reject, at = 0): Entry {
  const entry = read.kind === 'read' ? read.entries[at] : undefined;
  if (entry?.kind !== 'message') throw new Error(`no message: ${summary(read).join()}`);
  return entry;
}

export async function translated(dialect: FileDialect, bytes: Buffer): Promise<string> {
  const made = await dialect.translate(bytes, context);
  if (made.kind === 'reject') throw new Error(`${made.code}: ${made.reason}`);
  return Buffer.concat(made.parts).toString();
}
