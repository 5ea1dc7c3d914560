import { join } from 'node:path';
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { allExtensions, replies } from '../src/index.ts';
import { readDialogues } from './dialogue.ts';
import { RecordingHost } from './recording-host.ts';

/** What a session is fed with, and how the bytes are cut on their way; the host answers at once or `late`. */
export interface FuzzedSession {
  input: Buffer;
  cuts: readonly number[];
  late: boolean;
  lmtp: boolean;
}

const chunk = fc
  .tuple(fc.string({ unit: 'binary-ascii', maxLength: 20 }), fc.constantFrom('', ' LAST'), fc.constantFrom(0, 0, 0, 0, -2, 3))
  .map(([octets, last, lie]) => `BDAT ${Math.max(0, octets.length + lie)}${last}\r\n${octets}`);
const pieces = fc.oneof(
  { weight: 2, arbitrary: chunk },
  { weight: 1, arbitrary: fc.constantFrom('BDAT 3 LAST\r\nx\r\n', 'BDAT 0 LAST\r\n', 'BDAT 5\r\nab\r\n\r', 'BDAT 99999\r\n', 'BDAT\r\n') },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'HELO a\r\n',
      'EHLO a\r\n',
      'LHLO a\r\n',
      'MAIL FROM:<a@b>\r\n',
      'MAIL FROM:<>\r\n',
      'MAIL FROM:<a@b> BODY=BINARYMIME HOLDFOR=9 MT-PRIORITY=-3 BY=90;N\r\n',
      'RCPT TO:<c@d>\r\n',
      'DATA\r\n',
      'x\r\n.\r\n',
      '.\r\n',
      'RSET\r\n',
      'NOOP\r\n',
      'QUIT\r\n',
      'STARTTLS\r\n',
      'AUTH LOGIN\r\n',
      'AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n',
      'AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n',
      'XCLIENT ADDR=192.0.2.1\r\n',
      '*\r\n',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '\r',
      '\n',
      '\0',
      '.',
      ' ',
      '<',
      '>',
      ':',
      '"',
      '\r\n',
      'RCPT TO:<nobody@d>\r\n',
      'RCPT TO:<dead@d>\r\n',
      'é',
      '\xff',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 1, arbitrary: fc.nat(5_000).map((length) => 'y'.repeat(length)) },
);
const invented = fc.array(pieces, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''), 'latin1'));

/** What clients of the dialogues say: sessions that are nearly right, which is where mistakes hide. */
const recorded = readDialogues(join(import.meta.dirname, 'dialogues'))
  .map(({ steps }) => Buffer.concat(steps.flatMap((step) => (step.kind === 'client' ? [step.bytes] : []))))
  .filter(({ length }) => length < 20_000);

type Change = { at: number; kind: 'flip' | 'drop' | 'repeat' | 'insert'; bytes: number; text: string };
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(20_000),
  kind: fc.constantFrom('flip', 'drop', 'repeat', 'insert'),
  bytes: fc.integer({ min: 1, max: 30 }),
  text: fc.constantFrom('\r', '\n', '\0', '\r\n', '\r\n.\r\n', 'BDAT 7\r\n', 'RSET\r\n', ' ', '\xff', '<', '=+00'),
});
const mutated = fc
  .tuple(fc.constantFrom(...recorded), fc.constantFrom(...recorded), fc.array(change, { maxLength: 6 }), fc.boolean())
  .map(([first, second, changes, both]) => changes.reduce(changed, both ? Buffer.concat([first, second]) : first));

function changed(input: Buffer, { at, kind, bytes, text }: Change): Buffer {
  const from = at % (input.length + 1);
  const [before, piece, after] = [input.subarray(0, from), input.subarray(from, from + bytes), input.subarray(from + bytes)];
  switch (kind) {
    case 'flip':
      return Buffer.concat([before, piece.map((byte) => byte ^ (1 << (bytes % 8))), after]);
    case 'drop':
      return Buffer.concat([before, after]);
    case 'repeat':
      return Buffer.concat([before, piece, piece, after]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(text, 'latin1'), piece, after]);
  }
}

export const fuzzedSessions: fc.Arbitrary<FuzzedSession> = fc.record({
  input: fc.oneof(invented, mutated),
  cuts: fc.array(fc.nat(10_000), { maxLength: 20 }),
  late: fc.boolean(),
  lmtp: fc.boolean(),
});

/** Runs a session over the input cut at `cuts`. One that awaits TLS gets none. */
function run({ input, cuts, late, lmtp }: FuzzedSession): RecordingHost {
  const answers: (() => void)[] = [];
  const host = new RecordingHost(
    {
      cleartextAuth: true,
      scram: true,
      xclient: true,
      extensions: allExtensions,
      maxMessageBytes: 50_000,
      protocol: lmtp ? 'lmtp' : 'smtp',
    },
    late ? (answer) => answers.push(answer) : undefined,
  );
  host.start();
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (input.length + 1)), input.length])].sort((a, b) => a - b);
  for (const [at, edge] of edges.slice(1).entries()) {
    host.session.receive(input.subarray(edges[at] ?? 0, edge));
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) answer();
  }
  return host;
}

const wholeLines = /^(?:\d{3}[ -][ -~]{0,508}\r\n)+$/;

/**
 * Whatever comes, the session answers in whole lines and in bounds, waits for nobody, leaves no content open when it is over, and does
 * not care how the bytes were cut.
 */
export function expectSound(session: FuzzedSession): void {
  const host = run(session);
  expect(host.sent).toMatch(wholeLines);
  expect(host.session.waitsForHost).toBe(false);
  const { input } = session;
  // A session that awaits TLS throws away what comes, so that the cut decides what counts as having come.
  if (!input.toString('latin1').toUpperCase().includes('STARTTLS')) {
    const whole = run({ ...session, cuts: [], late: false });
    expect(host.sent).toBe(whole.sent);
    expect(host.mails).toEqual(whole.mails);
    expect(host.aborts).toEqual(whole.aborts);
  }
  const begun = host.events.filter(({ kind }) => kind === 'data').length;
  host.session.end(replies.timedOut);
  host.session.clientGone();
  const over = host.events.filter(({ kind }) => kind === 'content-end' || kind === 'content-abort').length;
  expect(over).toBe(begun);
}
