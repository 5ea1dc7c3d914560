import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Endpoints } from '../endpoints.ts';
import { maildirOf } from '../mailbox/maildir.ts';
import type { End } from './samples.ts';

/** A file that came into a mailbox or to the sink since the watch began. */
export interface Arrival extends End {
  at: number; // milliseconds since the epoch
  text: string; // its first 128 KB
  rootId: string | undefined; // from our own Received field
}

export interface Arrivals {
  /** What came since the last look. */
  look: () => Promise<Arrival[]>;
}

const maxBytes = 131_072;

/** Watches some mailboxes and the sink. Files that are there already do not count. */
export async function watchArrivals(line: Endpoints, addresses: readonly string[], sinkDir: string): Promise<Arrivals> {
  const folders = [
    ...addresses.map((address) => ({ folder: path.join(maildirOf(line.maildir, address), 'new'), where: 'mailbox' as const, address })),
    { folder: path.join(sinkDir, 'Maildir', 'new'), where: 'sink' as const, address: '' },
  ];
  const seen = new Map(await Promise.all(folders.map(async ({ folder }) => [folder, new Set(await namesIn(folder))] as const)));
  return {
    look: async () => {
      const arrivals: Arrival[] = [];
      for (const { folder, where, address } of folders) {
        const known = seen.get(folder) ?? new Set();
        for (const name of await namesIn(folder)) {
          if (known.has(name)) continue;
          known.add(name);
          const file = path.join(folder, name);
          const text = await beginningOf(file);
          const recipient = where === 'sink' ? (/^Delivered-To: (.*?)\r?$/m.exec(text)?.[1] ?? '') : address;
          const what = /^content-type:\s*multipart\/report/im.test(text.slice(0, 16_384)) ? 'report' : 'mail';
          // A hard link has the time of its first name; that it is here now is what counts.
          const { ctimeMs } = await stat(file);
          arrivals.push({ where, address: recipient, what, at: Math.round(ctimeMs), text, rootId: rootIdIn(text) });
        }
      }
      return arrivals;
    },
  };
}

/** The identity in the first Received field that has a UUIDv7: ours. */
export function rootIdIn(text: string): string | undefined {
  return /\bid ([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})/.exec(text)?.[1];
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []); // a mailbox is made with its first mail
}

async function beginningOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
