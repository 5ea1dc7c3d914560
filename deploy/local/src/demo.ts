import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { balance, redisLedger } from '@mailrail/ledger';
import { silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { stageTimes } from './demo/stage-times.ts';
import { reasonOf } from './error-code.ts';
import { type Line, startLine } from './line.ts';
import { parseStartOptions, UsageError } from './options.ts';
import { plainScreen } from './tour/screen.ts';
import { stationDepths } from './tour/station-depths.ts';
import { differences, endText, type Journey, runTour } from './tour/tour.ts';
import { logLines } from './trace/log-lines.ts';
import { untilSignal, whenOrphaned } from './until-signal.ts';

const help = `npm run demo -- [options of npm start]

The tour, unattended: starts a line on a temporary data folder, sends every kind of sample, waits until the counts balance, and
prints where each mail ended and how long each stage took. With --data DIR the folder is kept.
Exit codes: 0 all as expected, 1 not, 64 wrong options.
`;
const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const options = parseStartOptions(process.argv.slice(2), { ...process.env, MAILRAIL_DATA: '' }, process.cwd());
  if (options === 'help') {
    process.stdout.write(help);
    return 0;
  }
  const isTemporary = !process.argv.some((word) => word.startsWith('--data'));
  const data = isTemporary ? await mkdtemp(path.join(tmpdir(), 'mailrail-demo-')) : options.data;
  const { signal } = untilSignal();
  whenOrphaned(Number(process.env['MAILRAIL_PARENT']), () => process.kill(process.pid, 'SIGTERM'));
  let line: Line | undefined;
  try {
    line = await startLine({ ...options, data, env: process.env, say: print, signal });
    return await demo(line, data, signal);
  } finally {
    await line?.stop();
    if (isTemporary) await rm(data, { recursive: true, force: true });
  }
}

async function demo(line: Line, data: string, signal: AbortSignal): Promise<number> {
  print('\nsending the tour');
  const screen = plainScreen(process.stdout);
  const journeys = await runTour({ line, sinkDir: path.join(data, 'sink'), screen, slow: false, size: undefined, signal });
  const faults: string[] = [];

  print('\nwhere each ended');
  for (const journey of journeys) {
    const { sample, sentAt, arrived } = journey;
    const wrong = differences(journey);
    print(`  ${wrong.length === 0 ? 'ok ' : 'BAD'}  ${sample.says} (${sample.way}, to ${sample.to.join(' ')})`);
    for (const end of arrived) print(`         ${endText(end, sentAt)}`);
    for (const fault of wrong) print(`         ${fault}`);
    faults.push(...wrong.map((fault) => `${sample.says}: ${fault}`));
  }
  faults.push(...(await countFaults(line)), ...(await leftFaults(line)));
  await printTimes(journeys, path.join(data, 'logs'));
  if (signal.aborted) faults.push('it was stopped early');
  print(faults.length === 0 ? '\nall as expected' : `\nnot as expected:\n  ${faults.join('\n  ')}`);
  return faults.length === 0 ? 0 : 1;
}

/** Waits until every recipient that was accepted is in exactly one end state. */
async function countFaults(line: Line): Promise<string[]> {
  const ledger = redisLedger({ url: line.endpoints().redis, log: silentLog });
  try {
    const counts = await waitFor(
      async () => {
        const now = await ledger.counts();
        return now !== 'silent' && balance(now).open === 0 && now;
      },
      { timeoutMs: 30_000, what: 'the counts balance' },
    ).catch(() => ledger.counts());
    if (counts === 'silent') return ['the ledger does not answer'];
    const { came, ended, open } = balance(counts);
    print('\ncounts, in recipients');
    print(`  came in   ${text(came)}`);
    print(`  ended as  ${text(ended)}`);
    return open === 0 ? [] : [`${open} recipients are in no end state`];
  } finally {
    await ledger.close();
  }
}

const text = (fields: Readonly<Record<string, number>>) =>
  Object.entries(fields)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/** Nothing may wait anywhere when all has ended. */
async function leftFaults(line: Line): Promise<string[]> {
  const depths = await stationDepths(line.endpoints, line.organization);
  try {
    return (await depths.look()).filter(({ waiting }) => waiting > 0).map(({ queue, waiting }) => `${waiting} left in ${queue}`);
  } finally {
    await depths.close();
  }
}

async function printTimes(journeys: readonly Journey[], logs: string): Promise<void> {
  const roots = new Set(journeys.map(({ rootId }) => rootId).filter((id) => id !== undefined));
  const lines = await logLines(logs, (line) => line.includes('"mail.handled"'));
  print('\nhow long each stage took');
  for (const { stage, mails, medianMs, longestMs } of stageTimes(lines.filter(({ rootId }) => rootId !== undefined && roots.has(rootId)))) {
    print(
      `  ${stage.padEnd(26)} ${String(mails).padStart(3)} mails   median ${medianMs.toFixed(1).padStart(6)} ms   longest ${longestMs.toFixed(1).padStart(6)} ms`,
    );
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = error instanceof UsageError ? 64 : 1;
}
process.exit();
