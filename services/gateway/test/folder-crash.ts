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
/** The same of files that other systems write, with files beside them that come early or late. */
export const foreignSteps = [...steps.filter((step) => step !== 'reported'), 'reported', 'held'] as const;
export type CrashStep = (typeof foreignSteps)[number];
/** What is dropped: mail of the pickup, or keyword files with bodies and attachments. */
export type CrashMode = 'pickup' | 'gwapi';

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
  inParts: string[]; // left in ATT_IN
}

/** A folder on which one gateway process after another is killed. */
export function crashFolder(base: string, mode: CrashMode = 'pickup') {
  const folder = join(base, mode);
  const acceptedFile = join(base, 'accepted');
  const dropped: Aftermath['dropped'] = { good: [], bad: [], partly: [] };

  async function drop(name: string, content: string, into = 'IN'): Promise<void> {
    await writeFile(join(folder, into, `.${name}`), content);
    await rename(join(folder, into, `.${name}`), join(folder, into, name));
  }

  /** A keyword file with a body and an attachment; those of every other one come when it is there already. */
  async function dropWithParts(name: string, to: string, late: boolean): Promise<void> {
    const parts = ['bdy', 'att'].map((ending) => `${name}.${ending}`);
    const keywords = [
      'WPC-API= 1.2;',
      'From= A.B.c;',
      `To= ${to};`,
      `Msg-Id= ${name};`,
      `Msg-File= ${parts[0] ?? ''};`,
      `Attach-File= ${parts[1] ?? ''};`,
    ];
    const dropParts = async () => {
      for (const part of parts) await drop(part, part, 'ATT_IN');
    };
    if (!late) await dropParts();
    await drop(name, [...keywords, '-END-', ''].join('\r\n'));
    if (late) lateParts.push(dropParts);
  }
  const lateParts: (() => Promise<void>)[] = [];

  async function dropRound(round: number): Promise<void> {
    const name = (kind: string, index: number) => `${kind}-${round}-${index}.eml`;
    for (let index = 0; index < 4; index += 1) {
      const good = name('good', index);
      dropped.good.push(good);
      if (mode === 'gwapi') await dropWithParts(good, 'X.Y.ada', index % 2 === 1);
      else await drop(good, `From: ada@corp.example\nTo: ben@corp.example, chloe@corp.example\nSubject: ${good}\n\nhello\n`);
    }
    for (const index of [0, 1]) {
      const [bad, partly] = [name('bad', index), name('partly', index)];
      dropped.bad.push(bad);
      dropped.partly.push(partly);
      if (mode === 'gwapi') {
        await drop(bad, `WPC-API= 1.2;\r\nFrom= A.B.c;\r\nMsg-Id= ${bad};\r\n-END-\r\n`);
        await dropWithParts(partly, 'X.Y.ada, nobody', false);
        continue;
      }
      await drop(bad, `From: ada@corp.example\nSubject: ${round}\n\nhello\n`);
      await drop(partly, `From: ada@corp.example\nTo: ben@corp.example, x@elsewhere.example\n\nhello\n`);
    }
  }

  function start(crashAt: string, nth: number): ChildProcess {
    const child = join(import.meta.dirname, 'folder-crash-child.ts');
    return spawn(process.execPath, [child, folder, acceptedFile, crashAt, String(nth), mode], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  return {
    async open(): Promise<void> {
      for (const name of ['IN', 'ATT_IN']) await mkdir(join(folder, name), { recursive: true });
      await writeFile(acceptedFile, '');
    },

    /** New files of each kind, then a process that dies at a step. */
    async crash(at: CrashStep, nth: number, round: number): Promise<void> {
      await dropRound(round);
      const child = start(at, nth);
      const late = setTimeout(() => child.kill('SIGTERM'), 20_000); // a step that never comes
      const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      clearTimeout(late);
      for (const dropParts of lateParts.splice(0)) await dropParts();
      if (signal !== 'SIGKILL') throw new Error(`the process was to be killed at ${at}, and ended otherwise`);
    },

    /** A process that lives until nothing is left to do. */
    async finish(): Promise<Aftermath> {
      const child = start('', 0);
      const ended = once(child, 'exit');
      try {
        const isEmpty = async (name: string): Promise<boolean> => (await readdir(join(folder, name))).length === 0;
        await waitFor(async () => (await isEmpty('IN')) && (await isEmpty('WORK')) && (await isEmpty('HOLD')), {
          what: 'empty folders',
          timeoutMs: 30_000,
        });
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
      const lines = (await readFile(acceptedFile, 'utf8')).split('\n').filter((line) => line !== '');
      return {
        dropped,
        accepted: lines.map((line) => JSON.parse(line) as AcceptedLine),
        inBad: (await readdir(join(folder, 'BAD'))).sort(),
        inParts: (await readdir(join(folder, 'ATT_IN'))).sort(),
      };
    },
  };
}

/** What must hold whatever was killed: nothing lost, nothing with a second identity, a repeat byte for byte the same. */
export function faults({ dropped, accepted, inBad, inParts }: Aftermath): string[] {
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
  // A crash between the mail and its files leaves files that nothing names; they are told as orphans, and their mail is whole.
  for (const name of inParts) {
    const message = name.replace(/\.(?:bdy|att)$/, '');
    if (!byFile.has(message)) found.push(`${name} is left in ATT_IN, and its message is nowhere`);
  }
  return found;
}
