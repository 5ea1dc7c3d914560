import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@mailrail/testing';
import { z } from 'zod';

/** Ports of one line, all on loopback. */
const names = ['smtp', 'lmtp', 'http', 'submission', 'submissions', 'sink', 'site', 'amqp', 'management', 'redis'] as const;
type PortName = (typeof names)[number];
export type Ports = Record<PortName, number>;

/** Ports a line takes when they are free and nothing else was asked for. */
export const usualPorts: Ports = {
  smtp: 2525,
  lmtp: 2424,
  http: 8025,
  submission: 2587,
  submissions: 2465,
  sink: 2526,
  site: 2528,
  amqp: 5673,
  management: 15_673,
  redis: 6380,
};
/** Places in a block that begins at `--port-base`. */
const offsets: Ports = { smtp: 0, lmtp: 1, http: 2, submission: 3, sink: 4, site: 5, submissions: 6, amqp: 10, management: 11, redis: 15 };

const Kept = z.record(z.string(), z.int().min(1).max(65_535));

/**
 * The ports for this start: from the block that was asked for; else those of the last start on this folder, so that a client's
 * settings go on to work; else the usual ones. What is taken is replaced by a free port.
 */
export async function planPorts(dir: string, portBase: number | undefined): Promise<Ports> {
  const file = path.join(dir, 'ports.json');
  const last = portBase === undefined ? await kept(file) : {};
  const wanted = names.map((name) => (portBase === undefined ? (last[name] ?? usualPorts[name]) : portBase + offsets[name]));
  const free = await freePorts(wanted);
  const ports = Object.fromEntries(names.map((name, at) => [name, free[at]])) as Ports; // one port for each name
  await writeFile(file, `${JSON.stringify(ports, null, 2)}\n`);
  return ports;
}

async function kept(file: string): Promise<Record<string, number>> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  try {
    return Kept.parse(JSON.parse(text));
  } catch {
    return {}; // only a preference
  }
}
