// What set-up tells the person in front of it. All of it goes to stderr: a job's stdout is its own.
import { spawn } from 'node:child_process';

/** A reason to stop that a person can do something about: its message says what. */
export class SetUpError extends Error {}

const began = performance.now();
const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)}s`;
export const say = (text) => process.stderr.write(`[set-up ${seconds()}] ${text}\n`);

/**
 * Runs a command that may take long. While it runs, one line shows that it is alive (redrawn on a terminal, every 10 s otherwise).
 * Its output is shown only when it fails, the last 40 lines of it.
 *
 * @returns its exit code and what it wrote, the last 64 KB.
 */
export function runWithProgress(what, command, args, { env = process.env, cwd, timeoutMs = 900_000 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-65_536);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const tty = process.stderr.isTTY === true;
    if (!tty) say(`${what} ...`);
    const beginning = performance.now();
    const tick = setInterval(
      () => {
        const last = output.trimEnd().split('\n').at(-1)?.trim().slice(0, 90) ?? '';
        const line = `[set-up ${seconds()}] ${what} ... ${last}`;
        process.stderr.write(tty ? `\r\x1b[K${line.slice(0, (process.stderr.columns ?? 100) - 1)}` : `${line}\n`);
      },
      tty ? 250 : 10_000,
    );
    const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const end = (code, note = '') => {
      clearInterval(tick);
      clearTimeout(limit);
      if (tty) process.stderr.write('\r\x1b[K');
      if (code === 0) say(`${what}: done in ${((performance.now() - beginning) / 1000).toFixed(1)} s`);
      resolve({ code, output: output + note });
    };
    child.once('error', (error) => end(127, error.message));
    child.once('close', (code, signal) => end(code ?? 1, signal === null ? '' : `\nended by ${signal}`));
  });
}

/** The end of a command's output, indented, for a message. */
export function tail(output, lines = 40) {
  return output
    .trimEnd()
    .split('\n')
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n');
}
