import { execFileSync } from 'node:child_process';
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { newRootId } from '@mailrail/mail';
import { createMetrics, type Log } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import type { EmlMode } from '../src/folder/file-envelope.ts';
import { type FolderGateway, type FolderGatewayOptions, openFolderGateway } from '../src/folder/folder-gateway.ts';
import { type FakeAcceptor, fakeAcceptor, organization, refusal } from './fake-acceptor.ts';

let folder: string;
let acceptor: FakeAcceptor;
let lines: { level: string; event: string; fields: Record<string, unknown> }[];
const open: FolderGateway[] = [];

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'folder-')), 'pickup');
  acceptor = fakeAcceptor();
  lines = [];
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await rm(join(folder, '..'), { recursive: true, force: true });
});

const logged =
  (level: string) =>
  (event: string, fields: object = {}) => {
    lines.push({ level, event, fields: { ...fields } });
  };
const log: Log = { info: logged('info'), warn: logged('warn'), error: logged('error'), debug: logged('debug') };

type Settings = { mode?: EmlMode; trust?: 'inside' | 'outside'; pollEveryMs?: number; quietMs?: number; keepDoneMs?: number };

function start(
  { mode = 'pickup', trust = 'inside', pollEveryMs = 20, quietMs = 40, keepDoneMs = 0 }: Settings = {},
  more: Partial<FolderGatewayOptions> = {},
): FolderGateway {
  const gateway = { name: 'pickup', mode, trust, pollEveryMs, quietMs, keepDoneMs };
  const options = {
    folder,
    gateway,
    acceptor,
    organization: organization(),
    log,
    metrics: createMetrics('gateway'),
    leaseMs: 400,
    unfinishedMs: 300,
  };
  const opened = openFolderGateway({ ...options, ...more });
  open.push(opened);
  return opened;
}

const at = (...path: string[]): string => join(folder, ...path);
const names = async (name: string): Promise<string[]> => (await readdir(at(name))).sort();
const made = (): Promise<boolean> => stat(at('ATT_OUT')).then(({ mode }) => (mode & 0o777) === 0o770);

/** As a writer should: under another name, then renamed. */
async function drop(name: string, content: string | Buffer): Promise<void> {
  await writeFile(at('IN', `${name}.tmp`), content);
  await rename(at('IN', `${name}.tmp`), at('IN', name));
}
const mail = (more = '', body = 'hello\r\n'): string => `From: ada@corp.example\r\nTo: ben@corp.example\r\n${more}\r\n${body}`;
const takenNames = (): unknown[] => acceptor.taken.map(({ request }) => request.origin.peer);
const outcomes = (): string[] =>
  lines.filter(({ event }) => event === 'gateway.file').map(({ fields }) => `${String(fields['file'])} ${String(fields['outcome'])}`);
const bad = async (name: string): Promise<unknown> => JSON.parse(await readFile(at('BAD', `${name}.report.json`), 'utf8'));

describe('a good file', () => {
  test('is taken with its envelope, told once, and gone', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['IN', 'ATT_IN', 'WORK', 'DONE', 'BAD', 'HOLD', 'OUT', 'ATT_OUT']));
    await drop('a.eml', mail('Bcc: chloe@corp.example\r\nMessage-ID: <1@x>\r\nDate: x\r\n'));
    const [taken] = await waitFor(() => acceptor.taken.length === 1 && acceptor.taken, { what: 'the mail' });
    expect(taken?.request).toMatchObject({
      sender: 'SMTP:ada@corp.example',
      recipients: [{ address: 'SMTP:ben@corp.example' }, { address: 'SMTP:chloe@corp.example' }],
      origin: { gateway: 'pickup', dialect: 'pickup', peer: 'a.eml', authenticated: true, trust: 'inside' },
      removeFields: ['bcc', 'resent-bcc'],
      rootId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    });
    await waitFor(async () => (await names('WORK')).length === 0, { what: 'an empty WORK' });
    expect([await names('IN'), await names('BAD'), await names('DONE')]).toEqual([[], [], []]);
    expect(lines.filter(({ event }) => event === 'gateway.file')).toEqual([
      {
        level: 'info',
        event: 'gateway.file',
        fields: expect.objectContaining({ outcome: 'accepted', recipients: 2, rootId: taken?.request.rootId, file: 'a.eml' }),
      },
    ]);
  });

  test('keeps every byte but its line ends and a byte order mark', async () => {
    const body = Buffer.from([0x80, 0xff, 0x1b, 0x0a, 0x41]);
    start();
    await waitFor(made, { what: 'the folders' });
    const header = mail('Message-ID: <1@x>\r\nDate: x\r\n', '').replaceAll('\r', '');
    await drop('a.eml', Buffer.concat([Buffer.from('\ufeff'), Buffer.from(header), body]));
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.bytes.toString('latin1')).toBe(`${mail('Message-ID: <1@x>\r\nDate: x\r\n', '')}\x80\xff\x1b\r\nA\r\n`);
    await waitFor(() => outcomes().length === 1, { what: 'the line' });
    expect(lines.find(({ event }) => event === 'gateway.file')?.fields['notes']).toBe('line-ends-repaired');
  });

  test('of 3 MB streams', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    let largest = 0;
    acceptor.onWrite = (chunk) => {
      largest = Math.max(largest, chunk.length);
      return new Promise((resolve) => setImmediate(resolve));
    };
    const line = `${'x'.repeat(70)}\r\n`;
    await drop('big.eml', mail('Message-ID: <1@x>\r\nDate: x\r\n', line.repeat(40_000)));
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.bytes.length).toBe(mail('Message-ID: <1@x>\r\nDate: x\r\n', '').length + 72 * 40_000);
    expect(largest).toBeLessThan(200_000);
  });

  test('goes to DONE when files are kept, and from there when its time is over', async () => {
    start({ keepDoneMs: 1_500 });
    await waitFor(made, { what: 'the folders' });
    await drop('a.eml', mail());
    const [name] = await waitFor(async () => (await names('DONE')).length === 1 && (await names('DONE')), { what: 'a file in DONE' });
    expect(name).toBe(`${String(acceptor.taken[0]?.request.rootId)}~a.eml`);
    await waitFor(async () => (await names('DONE')).length === 0, { what: 'an empty DONE' });
  });

  test('with a name that is no UTF-8, or very long, or odd', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    const odd = Buffer.concat([Buffer.from(`${at('IN')}/`), Buffer.from([0xfc, 0x20, 0x0a]), Buffer.from('.eml')]);
    await writeFile(odd, mail());
    await drop(`${'n'.repeat(240)}.eml`, mail());
    await drop('..a~b;$(x).eml', mail()).catch(() => {});
    await drop('a~b;$(x).eml', mail());
    await waitFor(() => acceptor.taken.length === 3, { what: 'three mails' });
    expect(takenNames()).toEqual(expect.arrayContaining([`${'n'.repeat(157)}...`, 'a~b;$(x).eml', '.eml']));
    expect(await readdir(at('IN'))).toEqual(['..a~b;$(x).eml']); // begins with a dot
  });

  test('the oldest comes first', async () => {
    await mkdir(at('IN'), { recursive: true });
    const order = ['c', 'a', 'e', 'b', 'd'];
    for (const [age, name] of order.entries()) {
      await writeFile(at('IN', `${name}.eml`), mail());
      await utimes(at('IN', `${name}.eml`), 1_000 + age, 1_000 + age);
    }
    start({}, { concurrency: 1 });
    await waitFor(() => acceptor.taken.length === 5, { what: 'five mails' });
    expect(takenNames()).toEqual(order.map((name) => `${name}.eml`));
  });

  test('replay takes the envelope of the injected lines, which then are gone', async () => {
    start({ mode: 'replay', trust: 'outside' });
    await waitFor(made, { what: 'the folders' });
    await drop('r.eml', `X-Sender: <>\nX-Receiver: <ben@corp.example> NOTIFY=NEVER\n${mail('Message-ID: <1@x>\nDate: x\n')}`);
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.request).toMatchObject({
      sender: null,
      recipients: [{ address: 'SMTP:ben@corp.example', notify: 'never' }],
      origin: { dialect: 'replay', authenticated: false, trust: 'outside' },
    });
    expect(acceptor.taken[0]?.bytes.toString()).toBe(mail('Message-ID: <1@x>\r\nDate: x\r\n'));
  });
});

describe('a file that is not finished', () => {
  test('is not touched under a name that says so', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    const unfinished = ['.a.eml', 'a.tmp', 'a.TMP', 'a.eml.part', 'a.eml~'];
    for (const name of unfinished) await writeFile(at('IN', name), mail());
    await drop('z.eml', mail());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the other mail' });
    expect(await names('IN')).toEqual(unfinished.sort());
  });

  test('is waited for while it grows', async () => {
    let looks = 0;
    acceptor.obstacle = () => {
      looks += 1;
      return undefined;
    };
    start({ pollEveryMs: 150 });
    await waitFor(made, { what: 'the folders' });
    await writeFile(at('IN', 'slow.eml'), mail('Message-ID: <1@x>\r\nDate: x\r\n', ''));
    for (let i = 0; i < 8; i += 1) {
      const before = looks;
      await appendFile(at('IN', 'slow.eml'), `line ${i}\r\n`);
      await waitFor(() => looks > before, { what: 'another look' });
    }
    expect(acceptor.begun).toBe(0);
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.bytes.toString()).toContain('line 7');
  });

  test.each([
    ['in the header', 'From: ada@corp.example\r\nTo: ben@corp.exa', 'mple\r\n\r\nhello\r\n'],
    ['before its first byte', '', mail()],
    ['behind its header', mail('', ''), 'hello\r\n'],
    ['inside a line of its text', mail('', 'first line\r\nhalf of the se'), 'cond line\r\n'],
    ['behind a whole line of its text', mail('', 'first line\r\n'), 'second line\r\n'],
    ['behind a line of a header that is long', `${mail(`X: ${'x'.repeat(70_000)}\r\n`, 'first line\r\n')}`, 'second line\r\n'],
    ['in a multipart message', mail('Content-Type: multipart/mixed;\r\n boundary="b=1"\r\n', '--b=1\r\n\r\none\r\n'), '--b=1--\r\n'],
  ])('is waited for when it stops %s', async (_where, first, second) => {
    start({ quietMs: 60_000 }, { unfinishedMs: 60_000 });
    await waitFor(made, { what: 'the folders' });
    await writeFile(at('IN', 'half.eml'), first);
    await drop('other.eml', mail());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the other mail' });
    await drop('another.eml', mail());
    await waitFor(() => acceptor.taken.length === 2, { what: 'another mail' });
    expect(await names('IN')).toEqual(['half.eml']);
    await appendFile(at('IN', 'half.eml'), second);
    // Its writer says that it is done: a text does not say so itself, and is not waited for any longer.
    await rename(at('IN', 'half.eml'), at('IN', '.half.eml'));
    await rename(at('IN', '.half.eml'), at('IN', 'half.eml'));
    await waitFor(() => acceptor.taken.length === 3, { what: 'the mail' });
    expect(acceptor.taken[2]?.bytes.toString()).toContain(second.slice(-8));
  });

  test.each([
    ['a text whose last line has no end', mail('', 'first\r\nlast')],
    ['a header alone', mail('', '')],
    ['a whole text that was written in place', mail()],
  ])('and %s is taken after its quiet time, no sooner', async (_what, content) => {
    const quietMs = 400;
    start({ quietMs }, { unfinishedMs: 60_000 });
    await waitFor(made, { what: 'the folders' });
    const writtenAt = performance.now();
    await writeFile(at('IN', 'open.eml'), content);
    await drop('whole.eml', mail());
    await waitFor(() => acceptor.taken.length === 2, { what: 'both mails' });
    expect(takenNames()).toEqual(['whole.eml', 'open.eml']);
    expect(performance.now() - writtenAt).toBeGreaterThanOrEqual(quietMs);
  });

  test('and pauses for many looks behind whole lines, but never for its quiet time, is taken once it is whole', async () => {
    let looks = 0;
    acceptor.obstacle = () => {
      looks += 1;
      return undefined;
    };
    start({ pollEveryMs: 20, quietMs: 2_000 }, { unfinishedMs: 60_000 });
    await waitFor(made, { what: 'the folders' });
    await writeFile(at('IN', 'slow.eml'), mail('Message-ID: <1@x>\r\nDate: x\r\n', 'line 0\r\n'));
    for (let line = 1; line < 4; line += 1) {
      const before = looks;
      await waitFor(() => looks >= before + 10, { what: 'ten looks' });
      await appendFile(at('IN', 'slow.eml'), `line ${line}\r\n`);
    }
    expect(acceptor.begun).toBe(0);
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.bytes.toString()).toMatch(/line 0\r\nline 1\r\nline 2\r\nline 3\r\n$/);
  });

  test('not so one that was written elsewhere and moved in: it need not rest', async () => {
    start({ quietMs: 60_000 }, { unfinishedMs: 60_000 });
    await waitFor(made, { what: 'the folders' });
    await writeFile(at('IN', 'first.eml'), mail()); // in place
    await writeFile(at('..', 'second.eml'), mail());
    await rename(at('..', 'second.eml'), at('IN', 'second.eml'));
    await drop('third.eml', mail());
    await waitFor(() => acceptor.taken.length === 2, { what: 'those that were moved in' });
    expect(takenNames()).toEqual(expect.arrayContaining(['second.eml', 'third.eml']));
    expect(await names('IN')).toEqual(['first.eml']);
  });

  test('without a closing line it comes late, not never', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    await drop('m.eml', mail('Content-Type: multipart/mixed; boundary=q\r\n', '--q\r\n\r\none\r\n'));
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  });

  test('that is still written after it was claimed is waited for in WORK', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    let first = true;
    acceptor.onWrite = (chunk) => {
      if (!first || !chunk.includes('hello')) return undefined;
      first = false;
      return names('WORK').then(async ([name]) => appendFile(at('WORK', name ?? ''), 'and more\r\n'));
    };
    await drop('a.eml', mail());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.bytes.toString()).toContain('and more');
    expect(acceptor.aborted).toBe(1);
    expect(outcomes()).toContain('a.eml waits');
  });
});

describe('a bad file goes to BAD untouched, with a report', () => {
  const header = 'From: ada@corp.example\r\nTo: ben@corp.example\r\n\r\n';
  test.each([
    ['no recipients', 'From: ada@corp.example\nSubject: x\n\nhello\n', 'envelope', /nobody to send it to/],
    ['no sender', 'To: ada@corp.example\n\nhello\n', 'envelope', /nobody to answer to/],
    ['a NUL', `${header}a\0b\r\n`, 'syntax', /NUL at byte 49/],
    ['a lone CR', `${header}a\rb\r\n`, 'syntax', /carriage return without line feed at byte 49/],
    ['no message', 'PK\x03\x04 something else\n\n', 'unrecognised', /no Internet message/],
    ['a header that never ends', 'From: ada@corp.example\r\nTo: ben@corp.example\r\n', 'incomplete-timeout', /ends inside its header/],
    ['nothing', '', 'incomplete-timeout', /ends inside its header/],
    ['a line that is no field', 'From: ada@corp.example\nTo: ben@corp.example\nHello\n\nx\n', 'syntax', /line 3 of the header/],
    ['recipients that are not ours', 'From: ada@corp.example\nTo: x@elsewhere.example\n\nx\n', 'auth', /x@elsewhere\.example/],
    ['replay lines without receivers', 'X-Sender: <a@corp.example>\nSubject: x\n\nx\n', 'envelope', /nobody to answer to/],
  ])('%s', async (_name, content, code, reason) => {
    start({ trust: 'outside' });
    await waitFor(made, { what: 'the folders' });
    await drop('bad.eml', content);
    await waitFor(() => outcomes().includes('bad.eml bad'), { what: 'the outcome' });
    expect(await names('BAD')).toEqual(['bad.eml', 'bad.eml.report.json', 'bad.eml.report.txt']);
    expect(await readFile(at('BAD', 'bad.eml'), 'latin1')).toBe(content);
    expect(await bad('bad.eml')).toMatchObject({
      file: 'bad.eml',
      code,
      reason: expect.stringMatching(reason),
      gateway: 'pickup',
      advice: expect.stringMatching(/./),
    });
    const text = await readFile(at('BAD', 'bad.eml.report.txt'), 'utf8');
    expect(text).toMatch(/^The file "bad\.eml" was not taken\.\n/);
    expect(text).toMatch(reason);
    expect(text).toContain('What to do: ');
    expect([acceptor.taken, await names('WORK'), await names('IN')]).toEqual([[], [], []]);
  });

  test('over the size, and over the header', async () => {
    start({}, { organization: organization({ messageBytes: '2KB', headerBytes: '512B' }) });
    await waitFor(made, { what: 'the folders' });
    await drop('big.eml', mail('', 'x'.repeat(3_000)));
    await drop('head.eml', mail(`X: ${'x'.repeat(600)}\r\n`));
    await waitFor(() => outcomes().length === 2, { what: 'both' });
    expect(await bad('big.eml')).toMatchObject({ code: 'too-large', reason: expect.stringContaining('2048 are allowed') });
    expect(await bad('head.eml')).toMatchObject({ code: 'too-large', reason: 'the header block is over 512 bytes' });
  });

  test('links, hard links, pipes and sockets are moved and never opened', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    await writeFile(at('..', 'secret'), mail());
    await symlink(at('..', 'secret'), at('IN', 'link.eml'));
    await symlink('/nowhere', at('IN', 'dangling.eml'));
    execFileSync('mkfifo', [at('IN', 'pipe.eml')]);
    await link(at('..', 'secret'), at('IN', 'hard.eml'));
    await mkdir(at('IN', 'folder.eml'));
    await waitFor(() => outcomes().length === 4, { what: 'four reports' });
    expect(acceptor.begun).toBe(0);
    expect((await names('BAD')).filter((name) => !name.includes('report'))).toEqual(['dangling.eml', 'hard.eml', 'link.eml', 'pipe.eml']);
    for (const [name, what] of [
      ['link.eml', 'a link'],
      ['dangling.eml', 'a link'],
      ['pipe.eml', 'a pipe'],
      ['hard.eml', 'a file with 2 names'],
    ] as const) {
      expect(await bad(name)).toMatchObject({ code: 'unsupported-type', reason: expect.stringContaining(what) });
    }
    expect(await names('IN')).toEqual(['folder.eml']);
  });

  test('a name that is taken in BAD is not replaced', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    for (const content of ['one', 'two', 'three']) {
      const before = outcomes().length;
      await drop('x.eml', `${content}\n\n`);
      await waitFor(() => outcomes().length === before + 1, { what: content });
    }
    const files = (await names('BAD')).filter((name) => !name.includes('report'));
    expect(files).toHaveLength(3);
    const contents = await Promise.all(files.map(async (name) => readFile(at('BAD', name), 'utf8')));
    expect(contents.sort()).toEqual(['one\n\n', 'three\n\n', 'two\n\n']);
  });

  test('single bad recipients are reported, and the others have their mail', async () => {
    start({ trust: 'outside' });
    await waitFor(made, { what: 'the folders' });
    await drop('a.eml', 'From: ada@corp.example\nTo: ben@corp.example, Chloe\nCc: x@elsewhere.example\n\nhello\n');
    await waitFor(() => outcomes().length === 1, { what: 'the outcome' });
    expect(acceptor.taken[0]?.request.recipients).toEqual([{ address: 'SMTP:ben@corp.example' }]);
    expect(await names('BAD')).toEqual(['a.eml.report.json', 'a.eml.report.txt']);
    expect(await bad('a.eml')).toMatchObject({
      acceptedFor: 1,
      leftOut: [
        { recipient: 'Chloe', field: 'To' },
        { recipient: 'x@elsewhere.example', code: 'auth' },
      ],
    });
    expect(await readFile(at('BAD', 'a.eml.report.txt'), 'utf8')).toContain('was accepted for 1 recipient, and not for 2 recipients');
    expect(await names('WORK')).toEqual([]);
  });
});

describe('when nothing can be taken', () => {
  test('the line is away: files stay in IN, and go when it is back', async () => {
    acceptor.answers.obstacle = refusal('down');
    start();
    await mkdir(at('IN'), { recursive: true });
    await drop('a.eml', mail());
    await waitFor(made, { what: 'the folders' });
    expect(await names('IN')).toEqual(['a.eml']);
    acceptor.answers.obstacle = undefined;
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  });

  test.each(['storage', 'unconfirmed', 'full', 'down', 'in-hand'] as const)(
    '%s: the file waits in WORK and keeps its identity',
    async (cause) => {
      acceptor.answers.finish = refusal(cause);
      start();
      await waitFor(made, { what: 'the folders' });
      await drop('a.eml', mail());
      await waitFor(() => outcomes().filter((one) => one === 'a.eml waits').length >= 2, { what: 'two attempts' });
      const [name] = await names('WORK');
      expect(await names('IN')).toEqual([]);
      acceptor.answers = {};
      const [taken] = await waitFor(() => acceptor.taken.length === 1 && acceptor.taken, { what: 'the mail' });
      expect(name).toBe(`${String(taken?.request.rootId)}~a.eml`);
      await waitFor(async () => (await names('WORK')).length === 0, { what: 'an empty WORK' });
    },
  );

  test('a claim that has waited for many hours gets a new identity', async () => {
    const old = '019a0000-0000-7000-8000-000000000001'; // made in October 2025
    await mkdir(at('WORK'), { recursive: true });
    await writeFile(at('WORK', `${old}~a.eml`), mail());
    start();
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
    expect(acceptor.taken[0]?.request.rootId).not.toBe(old);
    expect(takenNames()).toEqual(['a.eml']);
  });

  test('the folder cannot be used: said once, in a sentence, and over when it can', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(at('IN'), 'in the way');
    const gateway = start();
    const sentence = await waitFor(() => gateway.problem(), { what: 'a problem' });
    expect(sentence).toContain('is in the way: it is no folder');
    await waitFor(() => lines.some(({ event }) => event === 'gateway.folder-trouble'), { what: 'the line' });
    await rm(at('IN'));
    await waitFor(made, { what: 'the folders' });
    await waitFor(() => gateway.problem() === undefined, { what: 'recovery' });
    expect(lines.filter(({ event }) => event === 'gateway.folder-trouble')).toHaveLength(1);
    await drop('a.eml', mail());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  });

  test('the folder is removed under way: it is made anew', async () => {
    start();
    await waitFor(made, { what: 'the folders' });
    await rm(folder, { recursive: true });
    await waitFor(made, { what: 'the folders again' });
    await drop('a.eml', mail());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  });
});

describe('several gateways on one folder', () => {
  test('take each file once', async () => {
    start();
    start();
    start();
    await waitFor(made, { what: 'the folders' });
    const all = Array.from({ length: 200 }, (_, index) => `f${index}.eml`);
    for (const name of all) await drop(name, mail());
    await waitFor(async () => acceptor.taken.length >= 200 && (await names('IN')).length === 0 && (await names('WORK')).length === 0, {
      what: 'all mails',
    });
    expect(new Set(takenNames())).toEqual(new Set(all));
    expect(acceptor.taken).toHaveLength(200);
  });

  test('an abandoned claim is taken over under its identity, by one of them; a live one is not', async () => {
    const [dead, live] = [newRootId(), newRootId()];
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const owner = fakeAcceptor();
    owner.gate = gate;
    const leaseMs = 1_500; // a machine that is busy for some moments loses no claim
    start({}, { acceptor: owner, leaseMs });
    await waitFor(made, { what: 'the folders' });
    await drop('live.eml', mail());
    await waitFor(() => owner.begun === 1, { what: 'the live claim' });
    await writeFile(at('WORK', `${dead}~dead.eml`), mail());
    await writeFile(at('WORK', `.away~${live}~away.eml`), mail());
    await writeFile(at('WORK', 'somebody-elses.txt'), 'x');
    start({}, { leaseMs });
    start({}, { leaseMs });
    await waitFor(() => acceptor.taken.length === 2, { what: 'the abandoned ones' });
    expect(acceptor.taken.map(({ request }) => `${String(request.rootId)} ${String(request.origin.peer)}`).sort()).toEqual(
      [`${dead} dead.eml`, `${live} away.eml`].sort(),
    );
    // The live one is older than the lease by now, and renewed.
    const renewed = async (): Promise<boolean> => (await names('WORK')).some((name) => name.endsWith('~live.eml'));
    await waitFor(renewed, { what: 'the live claim in place' });
    release();
    await waitFor(() => owner.taken.length === 1, { what: 'the live one' });
    expect(acceptor.taken).toHaveLength(2);
    await waitFor(async () => (await names('WORK')).length === 1, { what: 'nothing but what is not ours' });
    expect(await names('WORK')).toEqual(['somebody-elses.txt']);
  });
});

test('closing finishes what is in hand and claims nothing more', async () => {
  let release = (): void => {};
  acceptor.gate = new Promise((resolve) => {
    release = resolve;
  });
  const gateway = start();
  await waitFor(made, { what: 'the folders' });
  await drop('a.eml', mail());
  await waitFor(() => acceptor.begun === 1, { what: 'the claim' });
  const closed = gateway.close();
  await drop('b.eml', mail());
  release();
  await closed;
  expect(takenNames()).toEqual(['a.eml']);
  expect([await names('WORK'), await names('IN')]).toEqual([[], ['b.eml']]);
});

test('closing does not wait for ever for a store that does not answer', async () => {
  let release = (): void => {};
  acceptor.gate = new Promise((resolve) => {
    release = resolve;
  });
  const gateway = start({}, { closeMs: 100, concurrency: 1 });
  await waitFor(made, { what: 'the folders' });
  await drop('a.eml', mail());
  await drop('b.eml', mail());
  await waitFor(() => acceptor.begun === 1, { what: 'the claim' });
  await gateway.close();
  expect((await names('WORK')).length + (await names('IN')).length).toBe(2);
  release();
  await waitFor(async () => (await names('WORK')).length === 0, { what: 'its end' });
});

test('a folder with many files: memory is bounded, all are taken, oldest first', async () => {
  await mkdir(at('IN'), { recursive: true });
  const count = 1_500;
  for (let index = 0; index < count; index += 1) {
    const path = at('IN', `${(index * 7_919) % count}.eml`);
    await writeFile(path, mail());
  }
  start({}, { keepNames: 100 });
  await waitFor(() => acceptor.taken.length === count, { what: 'all mails', timeoutMs: 60_000 });
  expect(new Set(takenNames()).size).toBe(count);
  await waitFor(async () => (await names('WORK')).length === 0, { what: 'an empty WORK' });
  const openFiles = async () => {
    const all = await Promise.all((await readdir('/proc/self/fd')).map(async (fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return all.filter((path) => path.startsWith(folder));
  };
  await waitFor(async () => (await openFiles()).length === 0, { what: 'no open file' });
});
