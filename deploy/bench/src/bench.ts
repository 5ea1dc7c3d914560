import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { certificateOf } from '@mailrail/local';
import { freePorts } from '@mailrail/testing';
import { addressesIn } from './address-file.ts';
import { startGenerator } from './generator/generator.ts';
import { lineOf, startOwnLine } from './line.ts';
import type { BenchOptions } from './options.ts';
import { startSink } from './own-sink.ts';
import { benchPeople, directoryOf, type People, relayedRecipients } from './people.ts';
import { postfixTree } from './postfix/package.ts';
import { startPostfix } from './postfix/postfix.ts';
import { profileReport } from './profile.ts';
import { exitCode, resultText } from './result-text.ts';
import { run } from './run.ts';
import type { Summary } from './summary.ts';
import { BenchError, type Sink, type System, type ToStop } from './system.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const tmpfs = 0x01021994;

export interface Voice {
  say: (text: string) => void; // what is going on
  print: (text: string) => void; // results
}

/**
 * The whole bench: starts what is to be measured, measures, prints, and stops what it started.
 *
 * @param signal ends it early; what was started is stopped then, too.
 * @returns the exit code.
 * @throws BenchError with a message for a person.
 */
export async function bench(options: BenchOptions, { say, print }: Voice, signal: AbortSignal): Promise<number> {
  const stops: (() => Promise<void> | void)[] = [];
  const stopAll = async () => {
    for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
  };
  const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new BenchError('stopped'))));
  ended.catch(() => {}); // heard below
  try {
    return await Promise.race([measureAll(options, { say, print }, (stop) => stops.push(stop), stopAll), ended]);
  } finally {
    await stopAll();
  }
}

async function measureAll(options: BenchOptions, voice: Voice, toStop: ToStop, stopAll: () => Promise<void>): Promise<number> {
  const { say, print } = voice;
  const dir = mkdtempSync(path.join(options.data, 'mailrail-bench-'));
  toStop(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(dir, 0o755); // Postfix's own user goes through it
  if (statfsSync(dir).type === tmpfs) {
    say(`${dir} is in memory: flushing costs nothing there, so these are no figures of durable mail; --data names a folder on a disk`);
  }
  const people = peopleOf(options);
  const { systems, sink } = await openSystems(options, dir, people, voice, toStop);
  const generator = startGenerator();
  toStop(generator.close);
  const onSummaries = (summaries: readonly Summary[]) => {
    for (const summary of summaries) {
      const line = JSON.stringify({ ...machine(), ...summary });
      if (options.json === undefined) print(line);
      else appendFileSync(options.json, `${line}\n`);
    }
  };
  const { workloads, count, repetitions, clean } = options;
  const result = await run({ systems, people, sink, workloads, count, repetitions, generator, dir, clean, say, onSummaries });
  print(`\n${resultText(result)}`);
  if (options.profile !== undefined) {
    const roots = systems[0]?.roots() ?? {};
    await stopAll(); // a profile is written when its process ends
    print(`\n${profileReport(options.profile, roots, result.spans)}`);
  }
  return exitCode(result);
}

/** The line first: ratios are its figures by the other's. */
async function openSystems(options: BenchOptions, dir: string, people: People, { say }: Voice, toStop: ToStop) {
  const systems: System[] = [];
  let sink: Sink | undefined;
  if (options.only === undefined) {
    const line = options.target === undefined ? await ownLine(options, dir, people, say, toStop) : lineOf(options.target);
    systems.push(line.system);
    sink = line.sink;
  }
  if (options.versus === 'postfix' || options.only === 'postfix') {
    // A target without a sink of ours is not measured with W2, so Postfix is not either; it only needs somebody to relay to.
    const relay = sink ?? (await startSink(path.join(dir, 'sink'), toStop));
    if (options.only !== undefined) sink = relay;
    const tree = await postfixTree(path.join(repository, '.tools', 'postfix'), say);
    say('starting a private Postfix');
    const [port = 0, tlsPort = 0] = await freePorts([0, 0]);
    const place = {
      dir: path.join(dir, 'postfix'),
      tree,
      port,
      tls: { port: tlsPort, ...(await certificateOf(dir)) },
      sinkPort: relay.port,
      people,
    };
    systems.push(await startPostfix(place, say, toStop));
  }
  return { systems, sink };
}

async function ownLine({ processes, profile }: BenchOptions, dir: string, people: People, say: Voice['say'], toStop: ToStop) {
  say(`starting a line of its own in ${dir}${processes === 'one' ? ', all stages in one process' : ''}`);
  const directory = path.join(dir, 'people.ldif');
  writeFileSync(directory, directoryOf(people));
  const env = { ...process.env };
  if (profile !== undefined) {
    mkdirSync(profile, { recursive: true });
    env['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${profile}`;
  }
  return startOwnLine({ data: path.join(dir, 'line'), directory, processes, env }, toStop);
}

function peopleOf({ target, users, group, members }: BenchOptions): People {
  if (target === undefined) return benchPeople;
  return {
    users: users === undefined ? ['ada', 'ben', 'chloe', 'dmitri'].map((name) => `${name}@corp.example`) : addressesIn(users),
    relayed: relayedRecipients,
    group: group === undefined || members === undefined ? undefined : { address: group, members: addressesIn(members) },
  };
}

/** What figures depend on besides the program. */
function machine() {
  return { at: new Date().toISOString(), cores: os.availableParallelism(), node: process.version, kernel: os.release() };
}
