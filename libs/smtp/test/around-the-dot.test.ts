import { expect, test } from '@jest/globals';
import { RecordingHost } from './recording-host.ts';

// What stands around a dot means the same wherever the socket's chunks end; what it means, the smuggling tests of bad input say.

const marks = ['', '\r', '\n', '\r\n', '\n\r', '\r\r\n', '\r\n\n', '\0', '\0\r\n', '\r\n\0', '\r\0\n'];
const envelope = (to: string) => `MAIL FROM:<ada@corp.example>\r\nRCPT TO:<${to}@corp.example>\r\nDATA\r\n`;

function outcome(chunks: readonly Buffer[]) {
  const host = new RecordingHost();
  host.start();
  for (const chunk of chunks) host.session.receive(chunk);
  return { mails: host.mails.map(({ to, content }) => [to, content]), aborts: host.aborts, sent: host.sent, closed: host.closed };
}

test(`${marks.length ** 2} forms around a dot, cut at every byte`, () => {
  for (const before of marks) {
    for (const behind of marks) {
      const content = `Subject: x\r\n\r\nx${before}.${behind}${envelope('eve')}Subject: y\r\n\r\ny\r\n.\r\nQUIT\r\n`;
      const bytes = Buffer.from(`EHLO client.example\r\n${envelope('ben')}${content}`);
      const whole = outcome([bytes]);
      expect(whole.closed).toBe('quit');
      for (let cut = bytes.length - content.length; cut < bytes.indexOf('Subject: y'); cut++) {
        expect({ cut, ...outcome([bytes.subarray(0, cut), bytes.subarray(cut)]) }).toEqual({ cut, ...whole });
      }
    }
  }
});
