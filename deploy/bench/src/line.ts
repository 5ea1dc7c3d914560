import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mailboxFolder } from '@mailrail/mail';
import { startChild } from './child.ts';
import { newFolder, readTarget } from './endpoints.ts';
import { monotonicMs } from './generator/job.ts';
import { listenerOf } from './listener.ts';
import type { Roots } from './processes.ts';
import { BenchError, type Sink, type System, type ToStop } from './system.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const readyWithinMs = 240_000; // private brokers may have to be fetched
const stopWithinMs = 60_000;

/** Plays the outside world: not part of the line. */
const outside = 'sink';

/** The line's name in tables and JSON lines. */
export const lineName = 'mailrail';

/**
 * A line that runs, as its `endpoints.json` tells of it.
 *
 * @returns the system, and its sink when it has one with a list of what it took.
 * @throws BenchError for a file without an SMTP address or mailboxes.
 */
export function lineOf(file: string): { system: System; sink: Sink | undefined } {
  const target = readTarget(file);
  const list = path.join(path.dirname(file), 'sink', 'received.jsonl');
  const folders = new Map<string, string>();
  const all = (): Roots => {
    const { pids, infrastructure, brokerPorts } = readTarget(file);
    const named: Record<string, number> = { ...pids, ...infrastructure };
    for (const [broker, port] of Object.entries(brokerPorts)) {
      const pid = named[broker] === undefined ? listenerOf(port) : undefined;
      if (pid !== undefined) named[broker] = pid;
    }
    return named;
  };
  const only = (which: (name: string) => boolean) => (): Roots => Object.fromEntries(Object.entries(all()).filter(([one]) => which(one)));
  return {
    system: {
      name: lineName,
      smtp: target.smtp,
      smtpTls: target.smtp,
      newFolder: (address) => {
        const known = folders.get(address) ?? newFolder(target.maildir, address, mailboxFolder);
        folders.set(address, known);
        return known;
      },
      roots: only((one) => one !== outside),
    },
    sink:
      target.sink === undefined || !existsSync(path.dirname(list))
        ? undefined
        : { port: target.sink.port, list, roots: only((one) => one === outside) },
  };
}

export interface OwnLine {
  data: string; // folder for everything
  directory: string; // LDIF file
  processes: 'one' | 'each';
  env: NodeJS.ProcessEnv;
}

/**
 * Starts a line as `npm start` does, on a folder of its own.
 *
 * @param toStop is told how to stop it as soon as there is something to stop.
 * @throws BenchError with the end of what it said when it does not get ready.
 */
export async function startOwnLine(
  { data, directory, processes, env }: OwnLine,
  toStop: ToStop,
): Promise<{ system: System; sink: Sink | undefined }> {
  const args = ['--data', data, '--directory', directory, '--samples', 'none', '--processes', processes];
  const launcher = startChild(process.execPath, [path.join(repository, 'deploy/local/src/start.ts'), ...args], { env, cwd: repository });
  toStop(() => launcher.end('SIGINT', stopWithinMs));
  const file = path.join(data, 'endpoints.json');
  const end = monotonicMs() + readyWithinMs;
  while (!existsSync(file)) {
    if (launcher.hasEnded() || monotonicMs() > end) {
      throw new BenchError(`the line did not start:\n${launcher.output().trim().slice(-3_000)}`);
    }
    await pause(50);
  }
  return lineOf(file);
}
