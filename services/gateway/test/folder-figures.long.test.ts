import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { memoryLedger } from '@mailrail/ledger';
import { waitFor } from '@mailrail/testing';
import { openAcceptor } from '../src/accept.ts';
import { openFolderGateway } from '../src/folder/folder-gateway.ts';
import type { FolderMode } from '../src/folder/work-file.ts';
import { openSmtpListener } from '../src/smtp-listener.ts';
import { organization } from './fake-acceptor.ts';
import { fakeLine } from './fake-line.ts';

const run = promisify(execFile);
let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'figures-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const text = `${'x'.repeat(70)}\r\n`.repeat(58); // 4 KB
const pickup = `From: ada@corp.example\r\nTo: ben@corp.example\r\nSubject: burst\r\n\r\n${text}`;
const ffapi = `VERSION:3.00\r\nFROM:A/B/C\r\nTO:SMTP:ben@corp.example\r\nSUBJECT:burst\r\nTEXT:${text.length}\r\n${text}`;

async function fill(folder: string, count: number, content: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let at = 0; at < count; at += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - at) }, (_, index) => writeFile(join(folder, `f${at + index}`), content)));
  }
}

test('a folder of 10,000 files drains at no less than half the rate of SMTP', async () => {
  const count = 10_000;
  const line = fakeLine();
  const metrics = createMetrics('gateway');
  const contents = filesystemContentStore({ directory: join(base, 'content') });
  const common = { organization: organization(), log: silentLog, metrics };
  const acceptor = openAcceptor({ contents, line, ledger: memoryLedger(), ...common });

  const smtpOnce = async (): Promise<number> => {
    line.accepted.length = 0;
    const listener = await openSmtpListener({ kind: 'mx', host: '127.0.0.1', port: 0, acceptor, ...common });
    const client = join(import.meta.dirname, 'smtp-burst-child.ts');
    const { stdout } = await run(process.execPath, [client, String(listener.port), String(count), '4096']);
    await listener.close();
    expect(line.accepted.length).toBeGreaterThanOrEqual(count);
    return (count / (JSON.parse(stdout) as { ms: number }).ms) * 1_000;
  };
  const before = await smtpOnce();
  const rates: Record<string, number> = {};
  const modes: [FolderMode, string][] = [
    ['pickup', pickup],
    ['ffapi', ffapi],
  ];
  for (const [mode, content] of modes) {
    line.accepted.length = 0;
    await fill(join(base, mode, 'IN'), count, content);
    const startedAt = performance.now();
    const gateway = openFolderGateway({
      folder: join(base, mode),
      gateway: { name: mode, mode, trust: 'inside', pollEveryMs: 1_000, quietMs: 2_000, keepDoneMs: 0 },
      acceptor,
      ...common,
    });
    const isEmpty = async (name: string) => (await readdir(join(base, mode, name))).length === 0;
    await waitFor(async () => line.accepted.length >= count && (await isEmpty('IN')) && (await isEmpty('WORK')), {
      what: 'an empty folder',
      timeoutMs: 300_000,
    });
    rates[mode] = (count / (performance.now() - startedAt)) * 1_000;
    await gateway.close();
  }
  const smtpRate = (before + (await smtpOnce())) / 2; // before and after, since a machine is not equally fast all the time
  process.stdout.write(
    `SMTP ${Math.round(smtpRate)}/s, pickup ${Math.round(rates['pickup'] ?? 0)}/s, ffapi ${Math.round(rates['ffapi'] ?? 0)}/s\n`,
  );
  expect(rates['pickup']).toBeGreaterThan(smtpRate / 2);
  expect(rates['ffapi']).toBeGreaterThan(smtpRate / 2);
}, 900_000);

test('200,000 waiting files do not slow it, and memory does not grow with them', async () => {
  const take = 10_000;
  const drain = async (name: string, count: number): Promise<{ rate: number; memoryMb: number }> => {
    await fill(join(base, name, 'IN'), count, pickup);
    const child = join(import.meta.dirname, 'folder-drain-child.ts');
    // A small heap: what is kept of each file would end the process, and what is left behind is cleaned up early.
    const heap = ['--max-old-space-size=96', '--max-semi-space-size=8'];
    const { stdout } = await run(process.execPath, [...heap, child, join(base, name), String(take)]);
    await rm(join(base, name), { recursive: true });
    return JSON.parse(stdout) as { rate: number; memoryMb: number };
  };
  const few = await drain('few', 40_000); // more than are remembered at a time
  const many = await drain('many', 200_000);
  process.stdout.write(
    `few ${Math.round(few.rate)}/s in ${Math.round(few.memoryMb)} MB, many ${Math.round(many.rate)}/s in ${Math.round(many.memoryMb)} MB\n`,
  );
  expect(many.rate).toBeGreaterThan(few.rate / 2);
  expect(many.memoryMb).toBeLessThan(few.memoryMb + 40);
}, 900_000);
