import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allExtensions } from '../src/index.ts';
import { RecordingHost } from './recording-host.ts';
import { expectSound, fuzzedSessions } from './session-fuzz.ts';

test('whatever comes, the session answers in whole lines, in bounds, and does not care how the bytes were cut', () => {
  fc.assert(fc.property(fuzzedSessions, expectSound), { interruptAfterTimeLimit: 2_000, numRuns: 3_000 });
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
