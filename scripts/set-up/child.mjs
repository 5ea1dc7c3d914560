// Runs the job itself. The job gets the terminal's signals; we only wait for it and pass its end on.
import { spawn } from 'node:child_process';

/**
 * @returns {Promise<number>} the exit code; 128 + number for one ended by a signal, as a shell reports it.
 */
export function runJob(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    // On a terminal the child hears Ctrl-C from the terminal, too: jobs take two SIGINTs in the same moment as one.
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.once('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(127);
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0)));
  });
}
