import { readFileSync } from 'node:fs';
import { BenchError } from './system.ts';

/** What a bench needs of the `endpoints.json` of a line that runs; other products can write such a file, too. */
export interface Target {
  smtp: { host: string; port: number };
  maildir: string; // `%a` address, `%l` local part, `%d` domain
  sink: { host: string; port: number } | undefined;
  pids: Readonly<Record<string, number>>;
  infrastructure: Readonly<Record<string, number>>;
  /** Ports of brokers on this machine, for those whose pid the file does not tell. */
  brokerPorts: Readonly<Record<string, number>>;
}

/** @throws BenchError naming what is missing. */
export function readTarget(file: string): Target {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BenchError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseTarget(value, file);
}

export function parseTarget(value: unknown, file: string): Target {
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  const text = (name: string): string | undefined => {
    const found = fields.get(name);
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const address = (name: string): { host: string; port: number } | undefined => {
    const found = text(name);
    if (found === undefined) return undefined;
    if (!URL.canParse(found)) throw new BenchError(`${file}: ${name} is no URL`);
    const { hostname, port } = new URL(found);
    if (hostname === '' || port === '') throw new BenchError(`${file}: ${name} must name host and port`);
    return { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) };
  };
  const pids = (name: string): Record<string, number> => {
    const found = fields.get(name);
    const entries = typeof found === 'object' && found !== null ? Object.entries(found) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => Number.isInteger(entry[1]) && Number(entry[1]) > 0));
  };
  const smtp = address('smtp');
  const maildir = text('maildir');
  if (smtp === undefined || maildir === undefined) throw new BenchError(`${file} lacks ${smtp === undefined ? 'smtp' : 'maildir'}`);
  const brokers = { rabbitmq: address('amqp'), redis: text('redis') === undefined ? undefined : address('redis') };
  return {
    smtp,
    maildir,
    sink: address('sink'),
    pids: pids('pids'),
    infrastructure: pids('infrastructure'),
    brokerPorts: Object.fromEntries(
      Object.entries(brokers).flatMap(([name, at]) => (at !== undefined && isLoopback(at.host) ? [[name, at.port]] : [])),
    ),
  };
}

/** The `new` folder of a mailbox in a line's layout. */
export function newFolder(maildir: string, address: string, folderOf: (address: string) => string): string {
  const [local = '', domain = ''] = address.toLowerCase().split('@');
  const places: Record<string, string> = { '%a': folderOf(address), '%l': local, '%d': domain };
  return `${maildir.replaceAll(/%[ald]/g, (place) => places[place] ?? place)}/new`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
