import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A server of a test's own. It ends with the test process, however that ends: a shell waits for the end of its input. */
export interface Guarded {
  readonly pid: number; // of the server itself
  readonly exited: Promise<void>;
  /** What it wrote to stderr, the last of it. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Ends it and waits. */
  stop(): Promise<void>;
}

const script =
  'exec 3<&0; "$@" <&- & pid=$!; echo $pid; (cat <&3 >/dev/null; kill $pid 2>/dev/null) & wait $pid; code=$?; kill $! 2>/dev/null; exit $code';
const kept = 4_000;

/** Starts a server that stays in the foreground. */
export async function guarded(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Guarded> {
  const child: ChildProcess = spawn('sh', ['-c', script, 'sh', command, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-kept);
  });
  child.stdin?.on('error', () => {}); // it ended before we did
  let gone = false;
  const exited = once(child, 'exit').then(() => {
    gone = true; // its pid may be another's by now
  });
  const [first] = (await once(child.stdout ?? child, 'data')) as [Buffer]; // the shell tells the pid first
  const pid = Number(first.toString().split('\n')[0]);
  child.stdout?.resume();
  const kill = (signal: NodeJS.Signals) => {
    if (gone) return;
    try {
      process.kill(pid, signal);
    } catch {
      // it is gone already
    }
  };
  return {
    pid,
    exited,
    output: () => text,
    kill,
    async stop() {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
      child.stdin?.destroy();
    },
  };
}
