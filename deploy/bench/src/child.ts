import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
const lastBytes = 20_000;

/** A process of ours that runs until we end it. */
export interface Child {
  pid: number;
  /** The end of what it said. */
  output: () => string;
  hasEnded: () => boolean;
  /** Sends the signal and waits; SIGKILL when it is still there after `graceMs`. */
  end: (signal: NodeJS.Signals, graceMs: number) => Promise<void>;
}

/**
 * Starts a process that gets SIGTERM also when we die without a word.
 *
 * @param options `group`: it has a process group of its own, and all of that is ended.
 */
export function startChild(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; group?: boolean } = {},
): Child {
  const { env = process.env, cwd, group = false } = options;
  const child: ChildProcess = spawn(command, [...args], { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: group });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-lastBytes);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.stdin?.on('error', () => {}); // it ended
  child.once('error', (error) => keep(Buffer.from(`\n${error.message}`)));
  const pid = child.pid ?? 0;
  const guard = pid === 0 ? undefined : startGuard(group ? -pid : pid);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const tell = (signal: NodeJS.Signals) => {
    try {
      process.kill(group ? -pid : pid, signal);
    } catch {
      // it is gone
    }
  };
  return {
    pid,
    output: () => text,
    hasEnded,
    end: async (signal, graceMs) => {
      guard?.kill('SIGKILL');
      if (pid === 0) return;
      const gone = hasEnded() ? Promise.resolve() : once(child, 'exit');
      tell(signal);
      const timer = setTimeout(() => tell('SIGKILL'), graceMs);
      await gone;
      clearTimeout(timer);
      if (group) tell('SIGKILL'); // whoever of the group did not listen
    },
  };
}

/** Waits for the end of its standard input, which is ours to close or the kernel's when we are gone. Ctrl-C does not reach it. */
function startGuard(target: number): ChildProcess {
  const guard = spawn('sh', ['-c', 'read -r _; kill -s TERM -- "$0"', String(target)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.once('error', () => {}); // without it a bench that is killed leaves what it started
  guard.stdin?.on('error', () => {});
  return guard;
}

/** Runs a command to its end. @returns its output. @throws Error with the command and the end of what it said. */
export async function output(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    return (await run(command, [...args], { ...options, maxBuffer: 16 * 1024 * 1024, timeout: 300_000 })).stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().slice(-1_500) : '';
    throw new Error(`${command} ${args.join(' ')}: ${said || (error instanceof Error ? error.message : String(error))}`, { cause: error });
  }
}
