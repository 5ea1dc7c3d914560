import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { wordsOf } from '../src/commands/words.ts';
import { versionFinding } from '../src/doctor/broker.ts';
import { flushFinding, lookAtDisk, spaceFinding } from '../src/doctor/disk.ts';
import { memoryFinding, nodeFinding } from '../src/doctor/machine.ts';
import { redisFindings } from '../src/doctor/redis.ts';
import { forTerminal } from '../src/mailbox/messages.ts';

let data = '';
beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'mailrail-cli-'));
  const folder = path.join(data, 'mailboxes', 'ada@corp.example', 'Maildir', 'new');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, '1.first'),
    'From: Grace <grace@elsewhere.example>\r\nTo: ada@corp.example\r\nSubject: =?utf-8?Q?Caf=C3=A9?=\r\n\tat ten\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nAt the caf=C3=A9.\u001b[31m\r\n',
  );
});
afterAll(async () => {
  await rm(data, { recursive: true, force: true });
});

/** The command as a person runs it. */
function mailrail(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(import.meta.dirname, '..', 'src', 'mailrail.ts'), ...argv],
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      },
    );
  });
}

describe('the command line', () => {
  test.each([[[]], [['help']], [['--help']]])('%j lists the commands', async (argv) => {
    const { code, stdout } = await mailrail(...argv);
    expect(code).toBe(0);
    for (const name of ['resolve', 'address', 'mailbox', 'trace', 'doctor', 'topology']) expect(stdout).toContain(`\n  ${name} `);
  });
  test('help on a command has its options and an example', async () => {
    const { stdout } = await mailrail('resolve', '--help');
    expect(stdout).toContain('--from ADDRESS');
    expect(stdout).toContain('npm run mailrail -- resolve');
  });
  test.each([
    [['fly'], 'there is no command fly'],
    [['resolve', 'ada@corp.example'], '--from ADDRESS is needed'],
    [['mailbox', '--nope'], 'unknown option --nope'],
  ])('%j is wrong usage', async (argv, message) => {
    const { code, stderr } = await mailrail(...argv);
    expect(code).toBe(64);
    expect(stderr).toContain(message);
  });
});

describe('mailbox', () => {
  test('shows what arrived, decoded and harmless', async () => {
    const { code, stdout } = await mailrail('mailbox', 'ada@corp.example', '--data', data);
    expect(code).toBe(0);
    expect(stdout).toContain('Subject: Café at ten');
    expect(stdout).toContain('At the café.[31m');
    expect(stdout).not.toContain('\u001b');
  });
  test('as JSON', async () => {
    const { stdout } = await mailrail('mailbox', 'ada@corp.example', '--data', data, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      messages: [{ number: 1, subject: 'Café at ten' }],
      shown: { text: expect.stringContaining('café') },
    });
  });
  test('lists mailboxes', async () => {
    expect((await mailrail('mailbox', '--data', data)).stdout).toContain('     1  ada@corp.example');
  });
  test('an empty one is nothing found', async () => {
    expect((await mailrail('mailbox', 'ben@corp.example', '--data', data)).code).toBe(1);
  });
});

describe('address', () => {
  test('shows every form, and why', async () => {
    const { code, stdout } = await mailrail('address', '--data', data, 'notes:CN=Ada Ex/O=Acme@DOM');
    expect(code).toBe(0);
    expect(stdout).toContain('typed        NOTES:Ada Ex/Acme@DOM\n');
    expect(stdout).toContain('IMCEANOTES-Ada+20Ex_Acme+40DOM@corp.example\n');
    expect(stdout).toContain('dda:NOTES=Ada Ex/Acme(a)DOM;');
    expect(stdout).toContain('no entry has this address');
    expect(stdout).toContain('encapsulated: neither the directory nor a template knows it');
  });
  test('says what the directory has', async () => {
    const { stdout } = await mailrail('address', '--data', data, '--json', 'ada@corp.example');
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ form: 'proxy' }));
  });
  test('says what is wrong with one', async () => {
    expect(await mailrail('address', '--data', data, 'MS:NET/PO')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('it has 2 parts between slashes, not NETWORK/POSTOFFICE/MAILBOX'),
    });
  });
});

describe('resolve', () => {
  test('explains the default organization as one line of JSON', async () => {
    const { code, stdout } = await mailrail(
      'resolve',
      '--data',
      data,
      '--json',
      '--from',
      'z@elsewhere.example',
      'team@corp.example',
      'nobody@corp.example',
      'partner@corp.example',
    );
    expect(code).toBe(0);
    const explained: { local: string[]; hops: string[]; reports: unknown[]; servers: object } = JSON.parse(stdout);
    expect(explained.local.sort()).toEqual(['ada@corp.example', 'ben@corp.example', 'chloe@corp.example']);
    expect(explained.hops).toEqual(['SMTP:partner@remote.example']);
    expect(explained.servers).toMatchObject({ 'ada@corp.example': 'EX1' });
    expect(explained.reports).toMatchObject([{ recipient: 'nobody@corp.example', status: '5.1.1', to: 'z@elsewhere.example' }]);
  });
  test.each<[directory: string, code: number, says: RegExp]>([
    ['ldap://127.0.0.1:1', 1, /^nothing can be said: directory: .*ECONNREFUSED/],
    ['ldap://me:secret@127.0.0.1:1/people', 1, /what follows the host is no DN/],
  ])('a directory server that cannot be asked, %s, is told', async (directory, wanted, says) => {
    const { code, stdout, stderr } = await mailrail('resolve', '--data', data, '--directory', directory, '--from', '', 'ada@corp.example');
    expect(code).toBe(wanted);
    expect(stdout + stderr).toMatch(says);
    expect(stdout + stderr).not.toContain('secret');
  });
  test('a report that fails makes no report, and a malformed address is no hop', async () => {
    const { code, stdout } = await mailrail('resolve', '--data', data, '--from', '<>', 'nobody@corp.example', 'bad@@x');
    expect(code).toBe(0);
    expect(stdout).toContain('fails, and no report is made:');
    expect(stdout).toContain('nobody@corp.example 5.1.1, no report is made');
    expect(stdout).toContain('bad@@x 5.1.3, no report is made');
    expect(stdout).toContain('the sender is null: no report is made');
    expect(stdout).not.toContain('goes on to:');
  });
  test('a broken organization file is told line by line', async () => {
    const file = path.join(data, 'broken.yaml');
    await writeFile(file, 'organization: Corp\nsite: [\n');
    const { code, stderr } = await mailrail('resolve', '--organization', file, '--from', '', 'a@corp.example');
    expect(code).toBe(1);
    expect(stderr).toMatch(/has mistakes:\n {2}line \d+:/);
  });
});

test('topology lists queues in the order of the process', async () => {
  const { stdout } = await mailrail('topology', '--data', data);
  const queues = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  expect(queues.indexOf('1.gateway.in')).toBeLessThan(queues.indexOf('8.connector.internet'));
  expect(queues).toContain('5.aq.pre-categorization.badmail');
  expect(queues).toContain('retry.10m');
});

describe('doctor', () => {
  test('findings have a level by what was measured', () => {
    expect([nodeFinding('24.21.0'), nodeFinding('22.1.0')].map(({ level }) => level)).toEqual(['ok', 'fail']);
    expect([memoryFinding(8e9, 16e9), memoryFinding(5e8, 2e9)].map(({ level }) => level)).toEqual(['ok', 'warn']);
    expect([spaceFinding(50e9), spaceFinding(1e9), spaceFinding(1e8)].map(({ level }) => level)).toEqual(['ok', 'warn', 'fail']);
    expect([flushFinding(1), flushFinding(40), flushFinding(0.005)].map(({ level }) => level)).toEqual(['ok', 'warn', 'warn']);
    expect([versionFinding('3.10.8'), versionFinding('4.1.0'), versionFinding('3.8.9')].map(({ level }) => level)).toEqual([
      'ok',
      'ok',
      'fail',
    ]);
  });
  test('Redis: no AOF, a wrong policy and evictions are warnings', () => {
    const info = new Map([
      ['redis_version', '7.0.15'],
      ['aof_enabled', '0'],
      ['maxmemory_policy', 'allkeys-lru'],
      ['evicted_keys', '3'],
    ]);
    expect(redisFindings(info).map(({ level }) => level)).toEqual(['ok', 'warn', 'warn', 'warn']);
  });
  test('looking at the disk leaves nothing behind', async () => {
    const findings = await lookAtDisk(data);
    expect(findings.map(({ what }) => what)).toEqual(['data folder', 'disk space', 'hard links', 'flush']);
    const { readdir } = await import('node:fs/promises');
    expect(await readdir(path.join(data, 'content'))).toEqual([]);
  });
});

test('words of a command', () => {
  const { values, switches, rest } = wordsOf(['a', '--from=x', '--json', '--from', 'y', '--', '--b'], {
    values: ['from'],
    switches: ['json'],
  });
  expect([values.get('from'), [...switches], rest]).toEqual(['y', ['json'], ['a', '--b']]);
  expect(() => wordsOf(['--from'], { values: ['from'] })).toThrow('--from needs a value');
});

test('text for a terminal keeps lines and loses everything that moves', () => {
  expect(forTerminal('a\r\nb\rc\td\u0007\u001b]0;x\u202e')).toBe('a\nb\nc\td]0;x');
});
