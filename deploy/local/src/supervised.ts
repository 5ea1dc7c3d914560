import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '@mailrail/testing';
import type { LogFile } from './log-file.ts';
import { lowerPriority } from './lower-priority.ts';
import { restartPauses } from './restart-pauses.ts';

/** A process of the line under supervision: it is started again when it dies. */
export interface Supervised {
  readonly name: string;
  readonly pid: number; // 0 while it is between two lives
  readonly adminUrl: string;
  /** Times it died since the start. */
  readonly deaths: number;
  /** Whether it says of itself that it is ready. */
  isReady: () => Promise<boolean>;
  /** Why it cannot work and starting it again is useless: its configuration was refused. */
  readonly refused: boolean;
  /** Ends it for good: SIGTERM, and SIGKILL after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
  /** SIGKILL, for good. */
  kill: () => void;
}

export interface SupervisedOptions {
  name: string;
  /** Module and its arguments. */
  args: readonly string[];
  /** Environment for the port it is to open its admin server on. */
  env: (adminPort: number) => NodeJS.ProcessEnv;
  log: LogFile;
  /** Scheduling priority, as `nice` has it; 0 is everybody's. */
  niceness?: number;
  /** It has a new pid. */
  onStart: () => void;
  /** It has died; `waitMs` until it is started again. */
  onDeath: (how: { code: number | null; signal: NodeJS.Signals | null; waitMs: number }) => void;
}

/** EX_CONFIG: the configuration is wrong, and stays so. */
const configurationRefused = 78;

/**
 * Starts a process and keeps it running. Its standard input is a pipe that we hold: a process of the line ends when that closes,
 * however we died. It has a process group of its own, so that Ctrl-C reaches it in our order and not in the terminal's.
 */
export async function supervise(options: SupervisedOptions): Promise<Supervised> {
  const { name, args, env, log, niceness = 0, onStart, onDeath } = options;
  const pauses = restartPauses();
  const ended = new AbortController();
  let child: ChildProcess | undefined;
  let adminPort = 0;
  let deaths = 0;
  let refused = false;

  async function start(): Promise<void> {
    [adminPort = 0] = await freePorts([0]);
    if (ended.signal.aborted) return;
    const started = spawn(process.execPath, args, { env: env(adminPort), stdio: ['pipe', log.fd, log.fd], detached: true });
    child = started;
    started.stdin?.on('error', () => {}); // it died; seen as its exit
    started.once('error', () => {}); // no process could be made; `exit` does not come then, and readiness never
    started.once('exit', (code, signal) => {
      if (child === started) child = undefined;
      if (ended.signal.aborted) return;
      deaths += 1;
      refused = code === configurationRefused;
      const waitMs = pauses.died();
      onDeath({ code, signal, waitMs });
      pause(waitMs, undefined, { signal: ended.signal }).then(start, () => {}); // aborted: no new start
    });
    pauses.started();
    if (started.pid === undefined) return;
    void lowerPriority(started.pid, niceness);
    onStart();
  }
  await start();

  const stop = async (graceMs: number): Promise<void> => {
    ended.abort();
    const last = child;
    if (last === undefined) return;
    const gone = once(last, 'exit');
    last.kill('SIGTERM');
    const timer = setTimeout(() => last.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  };
  return {
    name,
    get pid() {
      return child?.pid ?? 0;
    },
    get adminUrl() {
      return `http://127.0.0.1:${adminPort}`;
    },
    get deaths() {
      return deaths;
    },
    get refused() {
      return refused;
    },
    isReady: async () => {
      if (child === undefined) return false;
      try {
        const answer = await fetch(`http://127.0.0.1:${adminPort}/health/ready`, { signal: AbortSignal.timeout(2_000) });
        await answer.arrayBuffer();
        return answer.ok;
      } catch {
        return false; // not yet
      }
    },
    stop,
    kill: () => {
      ended.abort();
      child?.kill('SIGKILL');
    },
  };
}
