import { spawn } from 'node:child_process';

/** What a command wrote, when it ended well. */
export interface Ran {
  stdout: string;
  stderr: string;
}

/**
 * Runs a command to its end. The last megabyte of its output is kept.
 *
 * @throws Error with the end of what it wrote, when it fails or takes longer than `timeoutMs` (default one minute).
 */
export function run(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {},
): Promise<Ran> {
  const { timeoutMs = 60_000, env = process.env, cwd, input } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
    const kept = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      kept.stdout = (kept.stdout + chunk.toString()).slice(-1_000_000);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      kept.stderr = (kept.stderr + chunk.toString()).slice(-1_000_000);
    });
    child.stdin.on('error', () => {}); // it did not want to be told
    child.stdin.end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(kept);
      const tail = `${kept.stdout}\n${kept.stderr}`.trim().split('\n').slice(-25).join('\n');
      reject(new Error(`${command} ${args.slice(0, 6).join(' ')} ended with ${code ?? signal}:\n${tail}`));
    });
  });
}

/** Whether a command ends well. */
export async function succeeds(command: string, args: readonly string[], timeoutMs = 20_000): Promise<boolean> {
  return run(command, args, { timeoutMs }).then(
    () => true,
    () => false,
  );
}

/** Tells the person at the terminal what takes its time. */
export function say(text: string): void {
  process.stderr.write(`[containers ${(performance.now() / 1_000).toFixed(0)}s] ${text}\n`);
}
