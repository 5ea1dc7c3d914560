import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Arrival, type ArrivalCounter, listAt, type Waited } from './arrivals.ts';
import { monotonicMs } from './generator/job.ts';

const pollMs = 20;

/**
 * Counts what the sink of a line has taken, by the list it keeps: JSON lines with `t` (epoch ms), `id` (Message-ID), `to` (addresses).
 * The list begins anew now and then; the part before is `<list>.1`. A place is a recipient in lower case.
 */
export function sinkCounter(file: string): ArrivalCounter {
  const follow = followLines(file);
  let lines: string[] = [];
  const readOn = () => {
    for (const line of follow()) lines.push(line);
    return lines.length;
  };
  return {
    mark: () => {
      readOn();
      lines = [];
    },
    wait: async (expected, { quietMs, until }): Promise<Waited> => {
      const wanted = [...expected.values()].reduce((sum, count) => sum + count, 0);
      let last = 0;
      let lastArrival = monotonicMs();
      for (;;) {
        const count = readOn();
        if (count >= wanted) return 'complete';
        const now = monotonicMs();
        if (count !== last) lastArrival = now;
        last = count;
        if (now > until) return 'time up';
        if (now - lastArrival > quietMs) return 'quiet';
        await pause(pollMs);
      }
    },
    collect: (tags) => {
      readOn();
      const of = new Map<string, Arrival[]>();
      let foreign = 0;
      for (const line of lines) {
        const mail = sunkMail(line);
        const tag = mail === undefined ? undefined : tags.find((one) => mail.id.startsWith(`<${one}.`));
        const number = tag === undefined ? undefined : /^\d{1,9}(?=@)/.exec(mail?.id.slice(tag.length + 2) ?? '')?.[0];
        if (mail === undefined || tag === undefined || number === undefined) foreign += 1;
        else for (const place of mail.to) listAt(of, tag).push({ number: Number(number), place, name: mail.id, atMs: mail.t });
      }
      lines = [];
      return { of, foreign };
    },
  };
}

/** One line of the list. `undefined` for what is none. */
function sunkMail(line: string): { t: number; id: string; to: string[] } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('t' in value && 'id' in value && 'to' in value)) return undefined;
    const { t, id, to } = value;
    if (typeof t !== 'number' || typeof id !== 'string' || !Array.isArray(to)) return undefined;
    return { t, id, to: to.map((one) => String(one).toLowerCase()) };
  } catch {
    return undefined;
  }
}

/** @returns a function that returns the whole lines that were added since it was called last. */
function followLines(file: string): () => string[] {
  let inode: bigint | undefined;
  let offset = 0;
  let rest = '';
  const buffer = Buffer.allocUnsafe(262_144);
  const readAll = (fd: number): string[] => {
    const lines: string[] = [];
    for (let length = readSync(fd, buffer, 0, buffer.length, offset); length > 0; length = readSync(fd, buffer, 0, buffer.length, offset)) {
      offset += length;
      const parts = (rest + buffer.toString('latin1', 0, length)).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) lines.push(line);
    }
    return lines;
  };
  return () => {
    const fd = openQuietly(file);
    if (fd === undefined) return []; // nothing was taken yet
    try {
      const now = fstatSync(fd, { bigint: true }).ino;
      const lines: string[] = [];
      if (inode !== undefined && now !== inode) {
        const old = openQuietly(`${file}.1`);
        if (old !== undefined) {
          for (const line of readAll(old)) lines.push(line);
          closeSync(old);
        }
        offset = 0;
        rest = '';
      }
      inode = now;
      return [...lines, ...readAll(fd)];
    } finally {
      closeSync(fd);
    }
  };
}

function openQuietly(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}
