import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { output, startChild } from '../src/child.ts';

const isThere = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function gone(pid: number): Promise<boolean> {
  const end = performance.now() + 5_000;
  while (isThere(pid) && performance.now() < end) await pause(10);
  return !isThere(pid);
}

test.each([true, false])('what was started ends when the one who started it is killed (group: %p)', async (group) => {
  const starter = `import { startChild } from ${JSON.stringify(path.join(import.meta.dirname, '../src/child.ts'))};
    console.log(startChild('sleep', ['60'], { group: ${group} }).pid); setInterval(() => {}, 1_000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', starter], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text]: Buffer[] = await once(parent.stdout, 'data');
  const pid = Number(text?.toString());
  expect(isThere(pid)).toBe(true);
  parent.kill('SIGKILL');
  expect(await gone(pid)).toBe(true);
});

test('ends a whole group, also those who do not listen', async () => {
  const child = startChild('sh', ['-c', 'trap "" TERM; sleep 60 & echo $!; wait'], { group: true });
  const end = performance.now() + 5_000;
  while (!child.output().includes('\n') && performance.now() < end) await pause(10);
  const deaf = Number(child.output());
  expect(isThere(deaf)).toBe(true);
  await child.end('SIGTERM', 100);
  expect(child.hasEnded()).toBe(true);
  expect(await gone(deaf)).toBe(true);
  await child.end('SIGTERM', 100); // once more does nothing
});

test('a program that is not there has ended, and says so', async () => {
  const child = startChild('/no/such/program', []);
  const end = performance.now() + 5_000;
  while (child.output() === '' && performance.now() < end) await pause(10);
  expect(child.hasEnded()).toBe(true);
  expect(child.output()).toContain('ENOENT');
  await child.end('SIGTERM', 100);
});

test('a command that fails is told with what it said', async () => {
  expect(await output('sh', ['-c', 'echo fine'])).toBe('fine\n');
  await expect(output('sh', ['-c', 'echo no such thing >&2; exit 3'])).rejects.toThrow('no such thing');
});
