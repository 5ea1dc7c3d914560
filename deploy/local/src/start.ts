import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { reasonOf } from './error-code.ts';
import { greeting } from './greeting.ts';
import { type Line, startLine } from './line.ts';
import { parseStartOptions, type StartOptions, startHelp, UsageError } from './options.ts';
import { knowsSamplePeople } from './tour/samples.ts';
import { plainScreen, terminalScreen } from './tour/screen.ts';
import { stationDepths } from './tour/station-depths.ts';
import { type TourRow, tableLines } from './tour/table.ts';
import { differences, rowOf, runTour } from './tour/tour.ts';
import { listenToTracking } from './tour/tracking.ts';
import { untilSignal, whenOrphaned } from './until-signal.ts';

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
  whenOrphaned(Number(process.env['MAILRAIL_PARENT']), () => process.kill(process.pid, 'SIGTERM'));
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
  const stopped = signals.first.then(() => {
    screen.leave();
    say('stopping (once more to end at once)');
  });
  void signals.second.then(() => line.kill());
  if (!signals.signal.aborted) {
    say('ready');
    const hasSamplePeople = knowsSamplePeople(line.organization.settings);
    process.stdout.write(greeting(line, options.data, hasSamplePeople));
    if (options.samples === 'tour' && !hasSamplePeople)
      say('no tour: its mails are for corp.example, which is no domain of this organization');
    await show(line, { ...options, samples: hasSamplePeople ? options.samples : 'none' }, signals.signal);
  }
  await stopped;
  const beginning = performance.now();
  await line.stop();
  say(`stopped in ${((performance.now() - beginning) / 1_000).toFixed(1)} s; what was waiting is in ${options.data}`);
  return 0;
}

/** The tour, then the picture for as long as the line runs. */
async function show(line: Line, { samples, slow, data }: StartOptions, signal: AbortSignal): Promise<void> {
  const size = () => ({ width: process.stdout.columns ?? 100, height: (process.stdout.rows ?? 50) - 1 });
  let tour: TourRow[] = [];
  // Events are asked for by who looks at them only: without a terminal the line has its machine to itself.
  let tracking = terminal ? await listenToTracking(line.endpoints().amqp).catch(() => undefined) : undefined;
  if (samples === 'tour') {
    say('sending the tour (--samples none leaves it out)');
    try {
      const sinkDir = path.join(data, 'sink');
      const journeys = await runTour({ line, sinkDir, screen, slow, size: terminal ? size : undefined, signal, tracking });
      if (signal.aborted) return;
      tour = journeys.map((journey) => rowOf(journey));
      const faults = journeys.flatMap((journey) => differences(journey).map((fault) => `${journey.sample.says}: ${fault}`));
      say(faults.length === 0 ? 'every tour mail ended where it should' : `the tour did not end as it should:\n  ${faults.join('\n  ')}`);
    } catch (error) {
      say(`the tour ended early: ${reasonOf(error)}`);
    }
  }
  if (!terminal) return;
  const depths = await stationDepths(line.endpoints, line.organization);
  while (!signal.aborted) {
    const stations = await depths.look();
    if (signal.aborted) break;
    const { width, height } = size();
    if (tracking === undefined || tracking.lost())
      tracking = await listenToTracking(line.endpoints().amqp, tracking?.handled).catch(() => tracking);
    const counted = stations.map((station) => ({ ...station, handled: tracking?.handled.get(station.takenBy) ?? 0 }));
    screen.show(tableLines({ stations: counted, tour }, width, height));
    await pause(2_000, undefined, { signal }).catch(() => {});
  }
  await Promise.all([depths.close(), tracking?.close()]);
}

process.stdout.on('error', () => {}); // the reader is gone; the line still has to be stopped in order
process.exitCode = await main();
// Sockets of the picture and of the brokers' guard may linger; everything that matters has been waited for.
process.exit();
