// Holds a private container engine: argv is its command line. When our standard input closes, however whoever started us died, the
// engine ends, and with it every container it runs.
import { spawn } from 'node:child_process';

const [command, ...args] = process.argv.slice(2);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
const engine = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
engine.once('error', (error) => {
  process.stderr.write(`${command}: ${error.message}\n`);
  process.exit(127);
});
engine.once('exit', (code) => process.exit(code ?? 1));
process.stdin.resume().once('end', () => {
  engine.kill('SIGTERM');
  setTimeout(() => engine.kill('SIGKILL'), 30_000);
});
