import fc from 'fast-check';
import { bundle, type FileDialect, fileDialects } from '../src/index.ts';
import { context, limits, sample } from './dialect-support.ts';

const samples: Readonly<Record<keyof typeof fileDialects, readonly Buffer[]>> = {
  bsmtp: [sample('bsmtp', 'two-messages.bsmtp')],
  sgw: [sample('sgw', 'note.sgw')],
  gwapi: [sample('gwapi', 'silo.api')],
  ffapi: [sample('ffapi', 'silo.mai')],
  dxl: [sample('dxl', 'memo.dxl')],
  'x400-text': [sample('x400-text', 'silo.x400')],
  mbox: [sample('mbox', 'two-messages.mbox')],
  sms: [sample('sms', 'GSM1.sms')],
  ccmail: [sample('ccmail', 'two-messages.ccmail')],
  'notes-text': [sample('notes-text', 'two-documents.notes-text')],
};

/** A sample with pieces cut out, doubled, or written over: near enough to a real file to get far into a reader. */
function damaged(good: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(2_000), cut: fc.nat(40), put: fc.uint8Array({ maxLength: 20 }) });
  return fc.tuple(fc.constantFrom(...good), fc.array(edit, { maxLength: 5 })).map(([bytes, edits]) =>
    edits.reduce<Buffer>((now, { at, cut, put }) => {
      const from = at % (now.length + 1);
      return Buffer.concat([now.subarray(0, from), put, now.subarray(from + cut)]);
    }, bytes),
  );
}

/** These pass Internet mail as it is, headless too. */
const mayLackHeader = new Set(['bsmtp', 'mbox', 'dxl']);

async function holds(dialect: FileDialect, bytes: Buffer): Promise<boolean> {
  dialect.recognise(bytes);
  dialect.isComplete(bytes, bytes.subarray(-4_096), true);
  const read = dialect.read(bytes, limits);
  dialect.answer?.(bytes, { code: 'syntax', reason: 'it was damaged' });
  if (read.kind === 'reject') return read.reason !== '' && !/[\r\n]/.test(read.reason);
  for (const entry of read.entries) {
    if (entry.kind === 'bad') continue;
    if (entry.recipients.length === 0) return false;
    const beside = (read.files ?? []).map((name) => ({ name, bytes: Buffer.from('x') }));
    const made = await dialect.translate(read.files === undefined ? entry.bytes : bundle(entry.bytes, beside), context);
    if (made.kind === 'reject') return false; // what the gateway has taken must be readable
    const message = Buffer.concat(made.parts);
    const end = message.indexOf('\r\n\r\n');
    if (end < 0 && !mayLackHeader.has(dialect.name)) return false;
  }
  return true;
}

/** Whatever a file holds: an answer, never an exception; and what the gateway takes, the translator can read. */
export const dialectProperties: readonly [name: string, property: fc.IAsyncProperty<unknown>][] = Object.values(fileDialects).flatMap(
  (dialect): [string, fc.IAsyncProperty<unknown>][] => [
    [
      `${dialect.name}: damaged samples`,
      fc.asyncProperty(damaged(samples[dialect.name as keyof typeof fileDialects]), (bytes) => holds(dialect, bytes)),
    ],
    [`${dialect.name}: any bytes`, fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), (bytes) => holds(dialect, Buffer.from(bytes)))],
  ],
);

export const allSamples: readonly (readonly [string, Buffer])[] = Object.entries(samples).flatMap(([name, files]) =>
  files.map((file) => [name, file] as const),
);
