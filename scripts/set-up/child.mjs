// Runs the job itself. The job gets the terminal's signals; we only wait for it and pass its end on.
import { spawn } from 'node:child_process';

/** How often it is looked whether npm still lives. */
const parentEveryMs = 500;

/**
 * Runs a job to its end, and tells it to stop when we are told to, or when the npm that started us is gone: killed itself, it
 * cannot pass anything on.
 *
 * @returns {Promise<number>} the exit code; 128 + number for one ended by a signal, as a shell reports it.
 */
export function runJob(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    // On a terminal the child hears Ctrl-C from the terminal, too: jobs take two SIGINTs in the same moment as one.
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    // From a shell it may be left running on purpose; under npm it may not.
    if (process.env.npm_lifecycle_event !== undefined) {
      const parent = process.ppid;
      const watch = setInterval(() => {
        if (process.ppid === parent) return;
        clearInterval(watch);
        child.kill('SIGTERM');
      }, parentEveryMs);
      watch.unref();
    }
    child.once('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(127);
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0)));
  });
}
