import { readFileSync } from 'node:fs';
import { fileDialects, isFileDialect } from '../src/index.ts';
import { context, limits } from './dialect-support.ts';

/** What one file did to a process of its own: printed as a line of JSON. */
export interface Measured {
  answer: string; // `read`, or the class of the refusal
  translated: string; // the same of the translator, `-` when it was not asked
  bytes: number; // of the message
  milliseconds: number;
  mostMegabytes: number; // of the whole process, at any time
}

const [name = '', path = ''] = process.argv.slice(2);
if (!isFileDialect(name)) throw new Error(`no dialect ${name}`);
const dialect = fileDialects[name];
const file = readFileSync(path);
const began = performance.now();
const read = dialect.read(file, { ...limits, messageBytes: file.length });
let translated = '-';
let bytes = 0;
if (read.kind === 'read') {
  const [entry] = read.entries;
  const made = entry?.kind === 'message' ? await dialect.translate(entry.bytes, context) : undefined;
  translated = made?.kind === 'reject' ? made.code : (made?.kind ?? '-');
  if (made?.kind === 'message') bytes = made.parts.reduce((sum, part) => sum + part.length, 0);
}
const measured: Measured = {
  answer: read.kind === 'reject' ? read.code : read.kind,
  translated,
  bytes,
  milliseconds: Math.round(performance.now() - began),
  mostMegabytes: Math.round(process.resourceUsage().maxRSS / 1_024),
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
