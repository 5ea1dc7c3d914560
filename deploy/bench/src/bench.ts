import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startGenerator } from './generator/generator.ts';
import { freePort } from './free-port.ts';
import { goalLines } from './goals.ts';
import { lineOf, startOwnLine } from './line.ts';
import type { BenchOptions } from './options.ts';
import { startSink } from './own-sink.ts';
import { benchPeople, directoryOf, type People, relayedRecipients } from './people.ts';
import { postfixTree } from './postfix/package.ts';
import { startPostfix } from './postfix/postfix.ts';
import { profileReport } from './profile.ts';
import { mainTable, processTable, remarks } from './report.ts';
import { run, type RunResult } from './run.ts';
import { BenchError, type Sink, type System } from './system.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const tmpfs = 0x01021994;
const lineName = 'mailrail';

export interface Streams {
  say: (text: string) => void; // what is going on
  print: (text: string) => void; // results
}

/**
 * The whole bench: starts what is to be measured, measures, prints, stops what it started.
 *
 * @param signal ends it early; what was started is stopped then, too.
 * @returns the exit code.
 * @throws BenchError with a message for a person.
 */
export async function bench(options: BenchOptions, { say, print }: Streams, signal: AbortSignal): Promise<number> {
  const dir = mkdtempSync(path.join(options.data, 'mailrail-bench-'));
  const undo: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 })];
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new BenchError('stopped')));
  });
  aborted.catch(() => {}); // raced below
  const orStopped = <Value>(work: Promise<Value>): Promise<Value> => Promise.race([work, aborted]);
  try {
    chmodSync(dir, 0o755); // Postfix's own user goes through it
    if (statfsSync(dir).type === tmpfs)
      say(`${dir} is in memory: flushing costs nothing there, so these are no figures of durable mail (--data)`);
    const people = peopleOf(options);

    const systems: System[] = [];
    let sink: Sink | undefined;
    if (options.only === undefined) {
      const line = await orStopped(openLine(options, dir, people, say, undo));
      systems.push(line.system);
      sink = line.sink;
    }
    if (options.target === undefined || options.versus !== undefined) {
      if (sink === undefined) {
        sink = await startSink(path.join(dir, 'sink'));
        undo.push(sink.stop);
      }
    }
    if (options.versus === 'postfix' || options.only === 'postfix') {
      const tree = await orStopped(postfixTree(path.join(repository, '.tools', 'postfix'), say));
      say('starting a private Postfix');
      const place = { dir: path.join(dir, 'postfix'), tree, port: await freePort(), sinkPort: sink?.port ?? 1, people };
      const postfix = await orStopped(startPostfix(place, say));
      undo.push(postfix.stop);
      systems.push(postfix);
    }
    const generator = startGenerator();
    undo.push(generator.close);
    const onSummaries: Parameters<typeof run>[0]['onSummaries'] = (summaries) => {
      for (const summary of summaries) {
        const line = JSON.stringify({ ...machine(), ...summary });
        if (options.json === undefined) print(line);
        else appendFileSync(options.json, `${line}\n`);
      }
    };
    const { workloads, count, repetitions, clean } = options;
    const result = await orStopped(run({ systems, people, sink, workloads, count, repetitions, generator, dir, clean, say, onSummaries }));
    print(resultText(result, options));
    if (options.profile !== undefined) {
      const pids = systems[0]?.roots() ?? {};
      await systems[0]?.stop();
      print(profileReport(options.profile, pids, result.spans));
    }
    return exitCode(result);
  } finally {
    for (const one of undo.toReversed()) await Promise.resolve(one()).catch((error: unknown) => say(String(error)));
  }
}

async function openLine(options: BenchOptions, dir: string, people: People, say: Streams['say'], undo: (() => unknown)[]) {
  if (options.target !== undefined) return lineOf(options.target, lineName);
  say(`starting a line of its own in ${dir}${options.processes === 'one' ? ', all stages in one process' : ''}`);
  const directory = path.join(dir, 'people.ldif');
  writeFileSync(directory, directoryOf(people));
  const env = { ...process.env };
  if (options.profile !== undefined) {
    mkdirSync(options.profile, { recursive: true });
    env['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${options.profile}`;
  }
  const line = await startOwnLine({ data: path.join(dir, 'line'), directory, processes: options.processes, env });
  undo.push(line.system.stop);
  return line;
}

function peopleOf(options: BenchOptions): People {
  if (options.target === undefined) return benchPeople;
  const users =
    options.users === undefined ? ['ada', 'ben', 'chloe', 'dmitri'].map((name) => `${name}@corp.example`) : addresses(options.users);
  const members = options.members === undefined ? [] : addresses(options.members);
  return { users, relayed: relayedRecipients, group: options.group === undefined ? undefined : { address: options.group, members } };
}

/** One address a line; empty lines and lines with `#` are passed over. */
function addresses(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new BenchError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const found = text
    .split('\n')
    .map((line) => line.trim().toLowerCase())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = found.find((line) => !/^[^\s@]+@[^\s@]+$/.test(line));
  if (wrong !== undefined) throw new BenchError(`${file}: ${wrong.slice(0, 80)} is no address`);
  if (found.length === 0) throw new BenchError(`${file} names nobody`);
  return [...new Set(found)];
}

/** What figures depend on besides the program. */
function machine() {
  return { at: new Date().toISOString(), cores: os.availableParallelism(), node: process.version, kernel: os.release() };
}

function resultText({ summaries, left, late, idlePercent }: RunResult, { versus }: BenchOptions): string {
  const parts = [`\n${mainTable(summaries)}`];
  const name = summaries.find((one) => one.system === lineName)?.system ?? summaries[0]?.system ?? lineName;
  const cpu = processTable(summaries, name, 'cpuSecondsPer1000');
  if (cpu !== undefined) parts.push(`CPU seconds for 1,000 copies, ${name}:\n${cpu}`);
  const memory = processTable(summaries, name, 'memoryMb');
  if (memory !== undefined) parts.push(`Memory at the end of the workload, MB (PSS), ${name}:\n${memory}`);
  const idle = Object.entries(idlePercent).map(([system, percent]) => `${system} ${percent.toFixed(1)} %`);
  parts.push(
    `CPU with nothing to do, of one core: ${idle.join(', ')}${versus === undefined ? '' : '; each runs on while the other is measured'}`,
  );
  const watch = summaries.find((one) => one.watchErrorMs !== undefined)?.watchErrorMs;
  if (watch !== undefined) {
    parts.push(
      `W5 is timed by inotify; the watcher itself is late by ${watch.p50.median} ms (p50), ${watch.p99.median} ms (p99). Elsewhere file times are used, with a step of up to 4 ms.`,
    );
  }
  const said = [
    ...remarks(summaries),
    ...left.map((one) => `not measured: ${one}`),
    ...Object.entries(late).flatMap(([system, { late, doubled }]) => [
      ...(late > 0 ? [`${system}: ${late} copies came after they had been given up`] : []),
      ...(doubled > 0 ? [`${system}: ${doubled} copies came a second time, after the counting`] : []),
    ]),
  ];
  if (said.length > 0) parts.push(said.join('\n'));
  const goals = goalLines(summaries, lineName);
  if (goals.length > 0) parts.push(goals.join('\n'));
  return parts.join('\n\n');
}

function exitCode({ summaries, left, late }: RunResult): number {
  if (!summaries.every(({ whole }) => whole) || Object.values(late).some(({ doubled }) => doubled > 0)) return 1;
  return summaries.every(({ complete }) => complete) && left.length === 0 ? 0 : 2;
}
