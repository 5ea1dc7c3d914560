import { expect, test } from '@jest/globals';
import { accept, reject, replies } from '../src/index.ts';
import { type HostOptions, RecordingHost } from './recording-host.ts';

/** A host that answers when the test says so. */
function lateHost(options: HostOptions = {}): { host: RecordingHost; answer: () => void } {
  const answers: (() => void)[] = [];
  const host = new RecordingHost(options, (answer) => answers.push(answer));
  host.start();
  return {
    host,
    answer() {
      const next = answers.shift();
      if (next === undefined) throw new Error('no question is open');
      next();
    },
  };
}
const kinds = (host: RecordingHost) => host.events.map(({ kind }) => kind);

test('the replies of a group leave together, however late each answer is', () => {
  const { host, answer } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\n'));
  const before = host.writes;
  host.session.receive(Buffer.from('MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n'));
  for (let count = 0; count < 4; count++) {
    expect(host.writes).toBe(before);
    answer();
  }
  expect(host.writes).toBe(before + 1);
});

test('input that waits for an answer is bounded: the host is told to stop reading, and to go on', () => {
  const { host, answer } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\n'));
  for (let count = 0; count < 4; count++) host.session.receive(Buffer.from('NOOP\r\n'.repeat(1_000)));
  expect(kinds(host)).not.toContain('pause');
  for (let count = 0; count < 4; count++) host.session.receive(Buffer.from('NOOP\r\n'.repeat(1_000)));
  expect(kinds(host).filter((kind) => kind === 'pause')).toHaveLength(1);
  answer();
  expect(kinds(host).slice(-2)).toEqual(['send', 'resume']);
  expect(host.sent.match(/^250 2\.0\.0 Ok/gm)).toHaveLength(8_000);
});

test('what came behind STARTTLS is gone at once, and what comes before the answer too', () => {
  const { host, answer } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\nSTARTTLS\r\nRSET\r\nNO'));
  expect(host.events.at(-1)).toEqual({ kind: 'starttls', discarded: 8 });
  host.session.receive(Buffer.from('OP\r\nNOOP\r\n'));
  answer();
  host.session.receive(Buffer.from('NOOP\r\n'));
  host.session.tlsStarted();
  host.session.receive(Buffer.from('VRFY a\r\n'));
  expect(host.sent.split('\r\n').slice(-3)).toEqual([expect.stringMatching(/^220/), expect.stringMatching(/^252/), '']);
});

test('a client that is gone: its content is dropped, answers that come later are ignored', () => {
  const { host, answer } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n'));
  answer();
  answer();
  answer();
  host.session.receive(Buffer.from('x\r\n'));
  host.session.clientGone();
  expect(host.aborts).toEqual(['client-gone']);
  const before = host.sent;
  expect(() => host.session.answer(accept)).not.toThrow();
  host.session.receive(Buffer.from('.\r\n'));
  expect(host.sent).toBe(before);
});

test('a host’s mistakes are told to it', () => {
  const host = new RecordingHost();
  host.start();
  expect(() => host.start()).toThrow('has started');
  expect(() => host.session.answer(accept)).toThrow('no question');
  expect(() => host.session.tlsStarted()).toThrow('without an accepted STARTTLS');
});

test('foreign words in a host’s reply cannot make a second line or a control sequence', () => {
  const { host } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\n'));
  host.session.answer(reject({ code: 550, enhanced: '5.7.1', text: `no\r\u001b[2J é ${'x'.repeat(1_000)}` }));
  const last = host.sent.split('\r\n').at(-2);
  expect(last).toMatch(/^550 5\.7\.1 no \[2J +x{1,500}$/);
  expect(last?.length).toBeLessThanOrEqual(510);
});

test('ended by the host: what is open is dropped, one reply, one close', () => {
  const { host, answer } = lateHost();
  host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\n'));
  answer();
  host.session.end(replies.timedOut);
  host.session.end(replies.timedOut);
  expect(kinds(host).slice(-4)).toEqual(['reset', 'refused', 'send', 'close']);
});
