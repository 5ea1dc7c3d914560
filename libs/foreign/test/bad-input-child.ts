import { readFileSync } from 'node:fs';
import { type FileDialect, fileDialects, isFileDialect } from '../src/index.ts';
import { outcome } from './bad-input-outcome.ts';
import { context } from './dialect-support.ts';

// One file, in a process whose memory and time are looked at. `whole` is the way of bad input; `read` and `translate` are what the two
// services do with a good one.
const [name = '', what = '', file = ''] = process.argv.slice(2);
if (!isFileDialect(name)) throw new Error(`no dialect ${name}`);
const dialect: FileDialect = fileDialects[name];
const before = process.cpuUsage();
const bytes = readFileSync(file);

let ends: string;
if (what === 'whole') {
  ends = await outcome(dialect, bytes);
} else if (what === 'read') {
  ends = dialect.read(bytes, { recipientsPerMessage: 1_000, messageBytes: 100_000_000 }).kind;
} else {
  const made = await dialect.translate(bytes, context);
  ends = made.kind === 'message' ? `message of ${made.parts.reduce((sum, part) => sum + part.length, 0)}` : made.reason;
}
const used = process.cpuUsage(before);
process.stdout.write(
  JSON.stringify({
    ends: ends.slice(0, 2_000),
    cpuMs: (used.user + used.system) / 1_000,
    memoryMb: memoryMb(),
  }),
);

/** The most this process had since it began. The system's `maxRSS` would not do: it begins with what the parent had at the fork. */
function memoryMb(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024;
}
