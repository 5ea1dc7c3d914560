import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { reasonOf } from './error-code.ts';
import { greeting } from './greeting.ts';
import { type Line, startLine } from './line.ts';
import { parseStartOptions, type StartOptions, startHelp, UsageError } from './options.ts';
import { plainScreen, terminalScreen } from './tour/screen.ts';
import { stationDepths } from './tour/station-depths.ts';
import { tableLines } from './tour/table.ts';
import { differences, runTour } from './tour/tour.ts';
import { untilSignal } from './until-signal.ts';

const began = performance.now();
const terminal = process.stdout.isTTY;
const screen = terminal ? terminalScreen(process.stdout) : plainScreen(process.stdout);
/** Above the picture, when there is one. */
const say = (text: string) => screen.say(`[${((performance.now() - began) / 1_000).toFixed(1)} s] ${text}`);

async function main(): Promise<number> {
  let options: StartOptions | 'help';
  try {
    options = parseStartOptions(process.argv.slice(2), process.env, process.cwd());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 64;
  }
  if (options === 'help') {
    process.stdout.write(startHelp);
    return 0;
  }

  const signals = untilSignal();
  let line: Line;
  try {
    line = await startLine({ ...options, env: process.env, say, signal: signals.signal });
  } catch (error) {
    if (signals.signal.aborted) {
      say('stopped before it had started');
      return 0;
    }
    process.stderr.write(`\ncould not start: ${reasonOf(error)}\n`);
    return error instanceof UsageError ? 64 : 1;
  }
  const stopped = signals.first.then(() => say('stopping (once more to end at once)'));
  void signals.second.then(() => line.kill());
  if (!signals.signal.aborted) {
    say('ready');
    process.stdout.write(greeting(line, options.data));
    await show(line, options, signals.signal);
  }
  await stopped;
  const beginning = performance.now();
  await line.stop();
  say(`stopped in ${((performance.now() - beginning) / 1_000).toFixed(1)} s; what was waiting is in ${options.data}`);
  return 0;
}

/** The tour, then the picture for as long as the line runs. */
async function show(line: Line, { samples, slow, data }: StartOptions, signal: AbortSignal): Promise<void> {
  const width = terminal ? () => process.stdout.columns ?? 100 : undefined;
  if (samples === 'tour') {
    say('sending the tour (--samples none leaves it out)');
    try {
      const journeys = await runTour({ line, sinkDir: path.join(data, 'sink'), screen, slow, width, signal });
      if (signal.aborted) return;
      const faults = journeys.flatMap((journey) => differences(journey).map((fault) => `${journey.sample.says}: ${fault}`));
      say(faults.length === 0 ? 'every tour mail ended where it should' : `the tour did not end as it should:\n  ${faults.join('\n  ')}`);
    } catch (error) {
      say(`the tour ended early: ${reasonOf(error)}`);
    }
  }
  // Without a terminal nothing more is asked of the line: it has its machine to itself.
  if (!terminal || width === undefined) return;
  const depths = await stationDepths(line.endpoints, line.organization);
  while (!signal.aborted) {
    const stations = (await depths.look()).map((depth) => ({ ...depth, handled: 0 }));
    screen.show(tableLines({ stations, tour: [] }, width()));
    await pause(2_000, undefined, { signal }).catch(() => {});
  }
  await depths.close();
}

process.exitCode = await main();
// Sockets of the picture and of the brokers' guard may linger; everything that matters has been waited for.
process.exit();
