import { appendFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** One mail the sink was given. */
export interface SunkMail {
  sender: string | null;
  recipients: readonly string[];
  bytes: readonly Buffer[];
}

export interface KeptMail {
  keep: (mail: SunkMail) => Promise<void>;
}

const maxListBytes = 64 * 1024 * 1024;

/**
 * Where the sink keeps mail: `DIR/Maildir/new`, one file a mail, and `DIR/received.jsonl`, one line a mail
 * (`t` ms since the epoch, `id` the Message-ID, `from`, `to`, `file`). Nothing is flushed: it plays the outside world and owes
 * nobody durability. The list begins anew at 64 MB, the older half is `received.jsonl.1`.
 */
export async function keptMail(dir: string): Promise<KeptMail> {
  const maildir = path.join(dir, 'Maildir');
  for (const folder of ['tmp', 'new', 'cur']) await mkdir(path.join(maildir, folder), { recursive: true });
  const list = path.join(dir, 'received.jsonl');
  let listBytes = (await stat(list).catch(() => ({ size: 0 }))).size;
  let count = 0;
  let lines: string[] = [];
  let writing: Promise<void> | undefined;

  // Lines of one moment are appended together.
  const appendLines = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const text = lines.join('');
    lines = [];
    writing = undefined;
    if (listBytes > maxListBytes) {
      await rename(list, `${list}.1`);
      listBytes = 0;
    }
    await appendFile(list, text);
    listBytes += Buffer.byteLength(text);
  };

  return {
    keep: async ({ sender, recipients, bytes }) => {
      const t = Date.now();
      count += 1;
      const name = `${t}.P${process.pid}Q${count}.sink`;
      const temporary = path.join(maildir, 'tmp', name);
      const [first = Buffer.alloc(0)] = bytes;
      const trace = `Return-Path: <${sender ?? ''}>\r\n${recipients.map((recipient) => `Delivered-To: ${recipient}\r\n`).join('')}`;
      try {
        await writeFile(temporary, [Buffer.from(trace), ...bytes]);
        await rename(temporary, path.join(maildir, 'new', name));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      lines.push(`${JSON.stringify({ t, id: messageId(first), from: sender, to: recipients, file: name })}\n`);
      await (writing ??= appendLines());
    },
  };
}

/** The Message-ID in the first chunk of a mail, '' when there is none. */
function messageId(chunk: Buffer): string {
  const text = chunk.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  return /^message-id:\s*(<[^>\r\n]{1,995}>)/im.exec(end < 0 ? text : text.slice(0, end + 2))?.[1] ?? '';
}
