// `npm run bench`: from the words on the command line to an exit code.
import { bench } from './bench.ts';
import { type BenchOptions, help, parseOptions, UsageError } from './options.ts';
import { BenchError } from './system.ts';

const began = performance.now();
const say = (text: string) => process.stderr.write(`[${((performance.now() - began) / 1_000).toFixed(1)} s] ${text}\n`);
const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = parseOptions(process.argv.slice(2), process.cwd());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 64;
  }
  if (options === 'help') {
    process.stdout.write(help);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  try {
    return await bench(options, { say, print }, stop.signal);
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    process.stderr.write(`\n${stop.signal.aborted ? 'stopped' : `cannot measure: ${error.message}`}\n`);
    return stop.signal.aborted ? 130 : 2;
  }
}

process.exitCode = await main();
process.exit(); // connections of a load that was broken off may linger
