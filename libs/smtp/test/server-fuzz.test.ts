import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allExtensions } from '../src/index.ts';
import { RecordingHost } from './recording-host.ts';

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
      'MAIL FROM:<a@b>\r\n',
      'MAIL FROM:<>\r\n',
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
const inputs = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));

/** Runs a session over the input cut at `cuts`, with TLS brought up whenever it is asked for. */
function run(input: string, cuts: readonly number[], late: boolean): RecordingHost {
  const answers: (() => void)[] = [];
  const host = new RecordingHost(
    { cleartextAuth: true, extensions: allExtensions, maxMessageBytes: 50_000 },
    late ? (answer) => answers.push(answer) : undefined,
  );
  host.start();
  const bytes = Buffer.from(input, 'latin1');
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  for (const [at, edge] of edges.slice(1).entries()) {
    host.session.receive(bytes.subarray(edges[at] ?? 0, edge));
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) answer();
  }
  return host;
}

test('whatever comes, the session answers in whole lines, in bounds, and does not care how the bytes were cut', () => {
  fc.assert(
    fc.property(inputs, fc.array(fc.nat(10_000), { maxLength: 20 }), fc.boolean(), (input, cuts, late) => {
      const host = run(input, cuts, late);
      expect(host.sent).toMatch(/^(?:\d{3}[ -][ -~]{0,508}\r\n)+$/);
      expect(host.session.waitsForHost).toBe(false);
      // A session that awaits TLS throws away what comes, so that the cut decides what counts as having come.
      if (input.includes('STARTTLS')) return;
      const whole = run(input, [], false);
      expect(host.sent).toBe(whole.sent);
      expect(host.mails).toEqual(whole.mails);
      expect(host.aborts).toEqual(whole.aborts);
    }),
    { interruptAfterTimeLimit: 2_000, numRuns: 3_000 },
  );
});

test('a session ended from inside any event says nothing more and passes nothing on', () => {
  const envelope = 'MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n';
  const dots = `${envelope}DATA\r\n..x\r\n.y\r\nz\r\n.\r\n`;
  const chunks = `${envelope}BDAT 3\r\nx\r\nBDAT 1\r\nyBDAT 3 LAST\r\n\r\nz${envelope}BDAT 2\r\nx\nBDAT 2 LAST\r\n\r\n`;
  const input = Buffer.from(`EHLO a\r\n${dots}${chunks}NOOP\r\nQUIT\r\n`);
  for (let stopAt = 0; stopAt < 50; stopAt++) {
    const host = new RecordingHost({ extensions: allExtensions });
    let seen = 0;
    const after: string[] = [];
    const record = host.events.push.bind(host.events);
    host.events.push = (...events) => {
      if (host.closed !== undefined) after.push(...events.map(({ kind }) => kind));
      if (seen++ === stopAt) host.session.end({ code: 421, text: 'stop' });
      return record(...events);
    };
    host.start();
    host.session.receive(input);
    expect(after.filter((kind) => kind !== 'close')).toEqual([]);
    expect(host.closed).toBeDefined();
  }
});
