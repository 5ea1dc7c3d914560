import { bundle, type FileDialect } from '../src/index.ts';
import { context } from './dialect-support.ts';

const limits = { recipientsPerMessage: 1_000, messageBytes: 50_000_000 };

/**
 * What becomes of a file, as gateway and translator would have it, one word for each message: `delivered`, with what was left out or
 * noted; `BAD` and its class.
 *
 * @throws Error when a message that was taken cannot be translated, or has a field that its text smuggled in.
 */
export async function outcome(dialect: FileDialect, file: Buffer): Promise<string> {
  dialect.isComplete(file.subarray(0, 65_536), file.subarray(-4_096), file.length <= 65_536);
  const read = dialect.read(file, limits);
  if (read.kind === 'reject') return `BAD ${read.code}: ${read.reason}`;
  const ends: string[] = [];
  for (const entry of read.entries) {
    if (entry.kind === 'bad') {
      ends.push(`BAD ${entry.reject.code}: ${entry.reject.reason}`);
      continue;
    }
    const beside = (read.files ?? []).map((name) => ({ name, bytes: Buffer.from('x') }));
    const made = await dialect.translate(read.files === undefined ? entry.bytes : bundle(entry.bytes, beside), context);
    if (made.kind === 'reject') throw new Error(`taken, and not translated: ${made.reason}`);
    const head = Buffer.concat(made.parts).toString('latin1', 0, 16_384).split('\r\n\r\n', 1)[0] ?? '';
    const isOwn = dialect.name === 'bsmtp' || dialect.name === 'mbox' || dialect.name === 'x400-text'; // Internet mail, passed as it is
    if (!isOwn && /^Injected:/m.test(head)) throw new Error('a text became a field');
    ends.push(['delivered', ...(entry.unreadable.length > 0 ? ['left out'] : []), ...read.notes].join(', '));
  }
  return ends.join(' | ');
}
