import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '@mailrail/testing';

/** Steps a process can be killed behind, each with the kind of file that passes it. */
export const steps = [
  'claimed',
  'flushed',
  'opened',
  'begun',
  'written',
  'durable',
  'accepted',
  'reported',
  'finished',
  'bad-reported',
  'bad-moved',
] as const;
export type CrashStep = (typeof steps)[number];

interface AcceptedLine {
  file: string;
  rootId: string;
  to: string[];
  at: number;
  sha256: string;
}

/** What became of a folder whose gateways were killed. */
export interface Aftermath {
  dropped: { good: string[]; bad: string[]; partly: string[] };
  accepted: AcceptedLine[];
  inBad: string[];
}

/** A folder on which one gateway process after another is killed. */
export function crashFolder(base: string) {
  const folder = join(base, 'pickup');
  const acceptedFile = join(base, 'accepted');
  const dropped: Aftermath['dropped'] = { good: [], bad: [], partly: [] };

  async function drop(name: string, content: string): Promise<void> {
    await writeFile(join(folder, 'IN', `.${name}`), content);
    await rename(join(folder, 'IN', `.${name}`), join(folder, 'IN', name));
  }

  function start(crashAt: string, nth: number): ChildProcess {
    const child = join(import.meta.dirname, 'folder-crash-child.ts');
    return spawn(process.execPath, [child, folder, acceptedFile, crashAt, String(nth)], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  return {
    async open(): Promise<void> {
      await mkdir(join(folder, 'IN'), { recursive: true });
      await writeFile(acceptedFile, '');
    },

    /** New files of each kind, then a process that dies at a step. */
    async crash(at: CrashStep, nth: number, round: number): Promise<void> {
      for (let index = 0; index < 4; index += 1) {
        const name = `good-${round}-${index}.eml`;
        dropped.good.push(name);
        await drop(name, `From: ada@corp.example\nTo: ben@corp.example, chloe@corp.example\nSubject: ${name}\n\nhello\n`);
      }
      for (const index of [0, 1]) {
        dropped.bad.push(`bad-${round}-${index}.eml`);
        await drop(`bad-${round}-${index}.eml`, `From: ada@corp.example\nSubject: ${round}\n\nhello\n`);
        dropped.partly.push(`partly-${round}-${index}.eml`);
        await drop(`partly-${round}-${index}.eml`, `From: ada@corp.example\nTo: ben@corp.example, x@elsewhere.example\n\nhello\n`);
      }
      const child = start(at, nth);
      const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      if (signal !== 'SIGKILL') throw new Error(`the process was to be killed at ${at}, and ended otherwise`);
    },

    /** A process that lives until nothing is left to do. */
    async finish(): Promise<Aftermath> {
      const child = start('', 0);
      const ended = once(child, 'exit');
      try {
        const isEmpty = async (name: string): Promise<boolean> => (await readdir(join(folder, name))).length === 0;
        await waitFor(async () => (await isEmpty('IN')) && (await isEmpty('WORK')), { what: 'empty folders', timeoutMs: 30_000 });
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
      const lines = (await readFile(acceptedFile, 'utf8')).split('\n').filter((line) => line !== '');
      return {
        dropped,
        accepted: lines.map((line) => JSON.parse(line) as AcceptedLine),
        inBad: (await readdir(join(folder, 'BAD'))).sort(),
      };
    },
  };
}

/** What must hold whatever was killed: nothing lost, nothing with a second identity, a repeat byte for byte the same. */
export function faults({ dropped, accepted, inBad }: Aftermath): string[] {
  const found: string[] = [];
  const byFile = new Map<string, AcceptedLine[]>();
  for (const line of accepted) byFile.set(line.file, [...(byFile.get(line.file) ?? []), line]);
  for (const name of [...dropped.good, ...dropped.partly]) {
    const lines = byFile.get(name) ?? [];
    if (lines.length === 0) found.push(`${name} is lost`);
    if (new Set(lines.map(({ rootId }) => rootId)).size > 1) found.push(`${name} has two identities`);
    if (new Set(lines.map((line) => JSON.stringify(line))).size > 1) found.push(`${name} was not the same when it was repeated`);
  }
  for (const name of dropped.bad) if (byFile.has(name)) found.push(`${name} was accepted`);
  const expected = [
    ...dropped.bad.flatMap((name) => [name, `${name}.report.json`, `${name}.report.txt`]),
    ...dropped.partly.flatMap((name) => [`${name}.report.json`, `${name}.report.txt`]),
  ].sort();
  for (const name of expected) if (!inBad.includes(name)) found.push(`${name} is missing in BAD`);
  for (const name of inBad) if (!expected.includes(name)) found.push(`${name} should not be in BAD`);
  return found;
}
