import { describe, expect, test } from '@jest/globals';
import { allExtensions } from '../src/index.ts';
import { bytesInUse } from './heap.ts';
import { RecordingHost } from './recording-host.ts';

const codes = (host: RecordingHost) =>
  host.sent
    .split('\r\n')
    .slice(0, -1)
    .map((line) => line.slice(0, 3));

/** All sequences of these characters, up to so many. */
function sequences(characters: readonly string[], most: number): string[] {
  let last = [''];
  const all = [...last];
  for (let length = 1; length <= most; length++) {
    last = last.flatMap((before) => characters.map((one) => before + one));
    all.push(...last);
  }
  return all;
}

describe('smuggling: every sequence of up to three CR, LF and NUL before and behind a dot', () => {
  const around = sequences(['\r', '\n', '\0'], 3);
  const cases = around.flatMap((before) => around.map((behind) => ({ before, behind })));
  const hidden = 'MAIL FROM:<evil@elsewhere.example>\r\nRCPT TO:<victim@corp.example>\r\nDATA\r\n';
  const hello = 'EHLO a\r\nMAIL FROM:<zoe@elsewhere.example>\r\nRCPT TO:<ada@corp.example>\r\n';

  /** What a message is by RFC 5321 §4.1.1.4, and nothing else: up to CR LF . CR LF, and bad when any other CR, LF or NUL is in it. */
  function byDefinition(content: string): { mail: string | undefined; rest: string } {
    const at = content.startsWith('.\r\n') ? -2 : content.indexOf('\r\n.\r\n');
    const raw = at < 0 ? '' : content.slice(0, at + 2);
    const bad = /\0|\r(?!\n)|(?<!\r)\n/.test(raw);
    return { mail: bad ? undefined : raw.replaceAll(/(^|\r\n)\./g, '$1'), rest: content.slice(at + 5) };
  }

  test(`${cases.length} forms after DATA: the message ends where it ends, or is refused as a whole`, () => {
    for (const { before, behind } of cases) {
      const content = `text${before}.${behind}${hidden}\r\n.\r\n`;
      const { mail, rest } = byDefinition(content);
      const host = new RecordingHost({ maxErrors: 1_000 });
      host.start();
      host.session.receive(Buffer.from(`${hello}DATA\r\n${content}`, 'latin1'));
      const first = host.mails.find(({ from }) => from === 'zoe@elsewhere.example');
      expect({ before, behind, mail: first?.content }).toEqual({ before, behind, mail });
      // What is hidden is only ever said aloud where it stands behind a true end.
      expect(host.events.filter(({ kind }) => kind === 'mail')).toHaveLength(/(?:^|\n)MAIL/.test(rest) ? 2 : 1);
      if (mail === undefined) expect(host.sent).toContain('550 5.6.11');
    }
  });

  test(`the same after BDAT: the octets are the message, or it is refused as a whole`, () => {
    for (const { before, behind } of cases) {
      const octets = `text${before}.${behind}${hidden}`;
      const host = new RecordingHost({ extensions: allExtensions });
      host.start();
      host.session.receive(Buffer.from(`${hello}BDAT ${octets.length} LAST\r\n${octets}`, 'latin1'));
      const bad = /\0|\r(?!\n)|(?<!\r)\n/.test(octets);
      expect({ before, behind, mails: host.mails.map(({ content }) => content) }).toEqual({ before, behind, mails: bad ? [] : [octets] });
      expect(host.events.filter(({ kind }) => kind === 'mail')).toHaveLength(1);
    }
  });

  test('the same between two commands: only CR LF ends the first, and the second begins behind a line end', () => {
    for (const end of around) {
      const host = new RecordingHost();
      host.start();
      host.session.receive(Buffer.from(`EHLO a\r\nMAIL FROM:<zoe@elsewhere.example>${end}RCPT TO:<ada@corp.example>\r\n`, 'latin1'));
      const mail = end.startsWith('\r\n');
      const rcpt = mail && end.endsWith('\n'); // what stands between is a line of its own, and no good one
      expect({ end, mails: host.events.filter(({ kind }) => kind === 'mail').length }).toEqual({ end, mails: mail ? 1 : 0 });
      expect({ end, rcpts: host.events.filter(({ kind }) => kind === 'rcpt').length }).toEqual({ end, rcpts: rcpt ? 1 : 0 });
    }
  });
});

describe('sizes', () => {
  test('a command line of 10 MB costs one reply and no memory, and the session goes on', () => {
    const host = new RecordingHost();
    host.start();
    host.session.receive(Buffer.from('EHLO a\r\n'));
    const before = bytesInUse();
    for (let count = 0; count < 160; count++) host.session.receive(Buffer.alloc(65_536, 'x'));
    expect(bytesInUse() - before).toBeLessThan(2_000_000);
    expect(codes(host).slice(-1)).toEqual(['250']);
    host.session.receive(Buffer.from('\r\nNOOP\r\n'));
    expect(codes(host).slice(-2)).toEqual(['500', '250']);
  });

  test('100,000 recipients in one group: as many as may be are taken, the others hear 452, the mail goes to those', () => {
    const host = new RecordingHost({ maxRecipients: 1_000 });
    host.start();
    host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<zoe@elsewhere.example>\r\n'));
    const group = Buffer.from(Array.from({ length: 100_000 }, (_, at) => `RCPT TO:<r${at}@corp.example>\r\n`).join(''));
    for (let at = 0; at < group.length; at += 65_536) host.session.receive(group.subarray(at, at + 65_536));
    host.session.receive(Buffer.from('DATA\r\nx\r\n.\r\n'));
    const heard = codes(host);
    expect(heard.filter((code) => code === '452')).toHaveLength(99_000);
    expect(heard.slice(-2)).toEqual(['354', '250']);
    expect(host.mails[0]?.to).toHaveLength(1_000);
  });

  test('a header block without an end is given up at its limit, and nothing of it is kept meanwhile', () => {
    const host = new RecordingHost({ maxMessageBytes: 1_000_000_000, maxHeaderBytes: 100_000 });
    host.start();
    host.session.receive(Buffer.from('EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n'));
    for (let count = 0; count < 200; count++) host.session.receive(Buffer.from('a:\r\n'.repeat(5_000)));
    expect(host.aborts).toEqual(['header-too-large']);
    host.session.receive(Buffer.from('.\r\nNOOP\r\n'));
    expect(codes(host).slice(-2)).toEqual(['552', '250']);
  });

  test.each(['BDAT 999999999999\r\n', 'BDAT 9007199254740991 LAST\r\n'])(
    '%j and few octets: swallowed without a reply, nothing kept',
    (command) => {
      const host = new RecordingHost({ extensions: allExtensions });
      host.start();
      host.session.receive(Buffer.from(`EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n${command}`));
      const said = host.sent;
      host.session.receive(Buffer.from('QUIT\r\n'.repeat(10_000)));
      expect(host.sent).toBe(said);
      expect(host.aborts).toEqual(['too-large']);
      expect(host.events.filter(({ kind }) => kind === 'chunk')).toEqual([]);
    },
  );
});

test('guessing passwords ends the session, however the tries are mixed with good commands', () => {
  for (const attempt of ['AUTH PLAIN AGFkYQB3cm9uZw==\r\n', 'AUTH LOGIN YWRh\r\nd3Jvbmc=\r\n']) {
    const host = new RecordingHost({ cleartextAuth: true, maxAuthFailures: 3 });
    host.start();
    host.session.receive(Buffer.from(`EHLO a\r\n${`${attempt}NOOP\r\nEHLO a\r\n`.repeat(100)}`));
    expect(codes(host).filter((code) => code === '535')).toHaveLength(3);
    expect(codes(host).at(-1)).toBe('421');
    expect(host.closed).toBe('errors');
  }
});
