import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { sample, translated } from './dialect-support.ts';

const run = promisify(execFile);
const packages = ['tnef', 'libemail-outlook-message-perl', 'libemail-address-perl'];
const samples = path.join(import.meta.dirname, '..', 'samples');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mapi-'));
  const areThere = await Promise.all([run('tnef', ['--version']), run('msgconvert', ['--help'])]).catch(() => undefined);
  if (areThere === undefined)
    await run('apt-get', ['-o', 'DPkg::Lock::Timeout=240', 'install', '-y', '--no-install-recommends', ...packages]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function filesOf(dialect: 'msg' | 'tnef'): Promise<Map<string | undefined, Buffer>> {
  const mail = await simpleParser(await translated(fileDialects[dialect], sample(dialect, `silo.${dialect}`)));
  return new Map(mail.attachments.map(({ filename, content }) => [filename, content]));
}

test('tnef(1) finds the attachments we find in TNEF, byte for byte', async () => {
  const { stdout } = await run('tnef', ['-C', folder, '--save-body=body', '-v', path.join(samples, 'tnef', 'silo.tnef')]);
  expect(stdout).toContain('waage@plant.example');
  const ours = await filesOf('tnef');
  for (const [theirs, name] of [
    ['waage.png', 'waage.png'],
    ['C%3A%5CDaten%5Clog größer.csv', 'log größer.csv'],
  ] as const) {
    expect((await readFile(path.join(folder, theirs))).equals(ours.get(name) ?? Buffer.alloc(0))).toBe(true);
  }
});

test('msgconvert finds what we find in a .msg', async () => {
  const out = path.join(folder, 'out.eml');
  await run('msgconvert', ['--outfile', out, path.join(samples, 'msg', 'silo.msg')]);
  const theirs = await simpleParser(await readFile(out));
  const mail = await simpleParser(await translated(fileDialects.msg, sample('msg', 'silo.msg')));
  // It writes a subject in 8 bits that is no UTF-8, and takes the sender for the writer.
  expect(theirs).toMatchObject({ messageId: mail.messageId, inReplyTo: mail.inReplyTo, references: mail.references, date: mail.date });
  expect(theirs.text?.trim()).toBe(mail.text?.trim());
  const contents = theirs.attachments.map(({ content }) => content.toString('hex'));
  for (const name of ['waage.png', 'log größer.csv']) {
    expect(contents).toContain(mail.attachments.find(({ filename }) => filename === name)?.content.toString('hex'));
  }
});
