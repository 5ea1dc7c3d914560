import { open, readdir } from 'node:fs/promises';
import path from 'node:path';

const headBytes = 65_536;
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * The identities of mails that carry a Message-ID. Logs do not hold it, so the stored bodies are looked at, newest first.
 *
 * @param content folder of the content store.
 * @param maxFiles bodies looked at (default 20,000; some seconds).
 * @returns rootIds, newest first.
 */
export async function rootsOfMessageId(content: string, messageId: string, maxFiles = 20_000): Promise<string[]> {
  const wanted = messageId.toLowerCase();
  const roots = new Set<string>();
  let looked = 0;
  for await (const file of newestFiles(content)) {
    looked += 1;
    if (looked > maxFiles) break;
    const root = uuid.exec(path.basename(file))?.[0];
    if (root !== undefined && (await headOf(file)).includes(wanted)) roots.add(root);
  }
  return [...roots];
}

/** Files below a folder, folders in descending order of name: bodies lie in folders named for their time. */
async function* newestFiles(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => b.name.localeCompare(a.name))) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* newestFiles(name);
    else if (entry.isFile()) yield name;
  }
}

/** Header fields in lower case; '' for a file that is gone. */
async function headOf(file: string): Promise<string> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      const text = buffer.toString('latin1', 0, bytesRead);
      const end = text.indexOf('\r\n\r\n');
      return (end < 0 ? text : text.slice(0, end)).toLowerCase();
    } finally {
      await handle.close();
    }
  } catch {
    return '';
  }
}
