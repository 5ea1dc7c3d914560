import { readFileSync } from 'node:fs';
import { fileDialects, isFileDialect } from '../src/index.ts';
import { context, limits } from './dialect-support.ts';

/** What one file did to a process of its own: printed as a line of JSON. */
export interface Measured {
  answer: string; // `read`, or the class of the refusal
  translated: string; // the same of the translator, `-` when it was not asked
  bytes: number; // of the message
  cpuMilliseconds: number; // other processes do not count
  /** Of the whole process, at any time. By its own account: what the system says of a child begins with the size of its parent. */
  mostMegabytes: number;
}

const [name = '', path = ''] = process.argv.slice(2);
if (!isFileDialect(name)) throw new Error(`no dialect ${name}`);
const dialect = fileDialects[name];
const file = readFileSync(path);
const began = process.cpuUsage();
const read = dialect.read(file, { ...limits, messageBytes: file.length });
let translated = '-';
let bytes = 0;
if (read.kind === 'read') {
  const [entry] = read.entries;
  const made = entry?.kind === 'message' ? await dialect.translate(entry.bytes, context) : undefined;
  translated = made?.kind === 'reject' ? made.code : (made?.kind ?? '-');
  if (made?.kind === 'message') bytes = made.parts.reduce((sum, part) => sum + part.length, 0);
}
const used = process.cpuUsage(began);
const measured: Measured = {
  answer: read.kind === 'reject' ? read.code : read.kind,
  translated,
  bytes,
  cpuMilliseconds: Math.round((used.user + used.system) / 1_000),
  mostMegabytes: Math.round(Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024),
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
