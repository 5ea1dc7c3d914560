import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bundle, fileDialects, isFileDialect } from '../src/index.ts';
import { badFiles, largeFile, type TextDialectName } from './bad-input.ts';

const largeBytes = 25 * 1_048_576;
/** In hexadecimal, which is twice as much in the file: 25 MB would not be let in by limits.messageBytes. */
const hexBytes = 20 * 1_048_576;
const most = { cpuMs: 5_000, memoryMb: 200 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bad-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Answer {
  ends: string;
  cpuMs: number;
  memoryMb: number;
}

function inChild(...args: string[]): Answer {
  const child = path.join(import.meta.dirname, 'bad-input-child.ts');
  return JSON.parse(execFileSync(process.execPath, [child, ...args], { encoding: 'utf8', timeout: 60_000 })) as Answer;
}

describe('bad input in its full size', () => {
  // Files that are small whatever their size could be are in npm test.
  const large = badFiles(1_000_000).filter(({ file }) => file().length > 1_000_000);
  test.each(large.map((one) => [one.dialect, one.what, one] as const))('%s: %s', async (dialect, _what, { file, ends }) => {
    const name = path.join(folder, 'bad');
    await writeFile(name, file());
    const found = inChild(dialect, 'whole', name);
    expect(found.ends).toMatch(ends);
    expect(found.cpuMs).toBeLessThan(most.cpuMs);
    expect(found.memoryMb).toBeLessThan(most.memoryMb);
  });
});

describe('25 MB of attachments, or of text where a format has none', () => {
  const names = Object.keys(fileDialects).filter(
    (name): name is TextDialectName => isFileDialect(name) && name !== 'msg' && name !== 'tnef',
  );
  test.each(names)('%s', async (dialect) => {
    const size = dialect === 'ccmail' ? hexBytes : largeBytes;
    const { file, parts } = largeFile(dialect, size);
    const [name, keptName] = [path.join(folder, 'large'), path.join(folder, 'large.kept')];
    await writeFile(name, file);
    await writeFile(keptName, parts.length === 0 ? file : bundle(file, parts));
    const read = inChild(dialect, 'read', name);
    const translated = inChild(dialect, 'translate', keptName);
    expect([read.ends, Number(/\d+/.exec(translated.ends)?.[0]) > size * 0.95]).toEqual(['read', true]);
    for (const { memoryMb, cpuMs } of [read, translated]) {
      expect(memoryMb).toBeLessThan(most.memoryMb);
      expect(cpuMs).toBeLessThan(most.cpuMs);
    }
  });
});
