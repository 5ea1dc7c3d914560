import { afterEach, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { lowerPriority } from '../src/lower-priority.ts';

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

function started(): { child: ChildProcess; pid: number } {
  child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  if (child.pid === undefined) throw new Error('no process');
  return { child, pid: child.pid };
}
const own = () => getPriority(process.pid);

test('a process stands back, and so does its session where cores are shared among sessions', async () => {
  const { pid } = started();
  const niceness = Math.min(19, own() + 10);
  await lowerPriority(pid, niceness);
  expect(getPriority(pid)).toBe(niceness);
  const group = `/proc/${pid}/autogroup`;
  if (existsSync(group)) expect(readFileSync(group, 'utf8')).toMatch(new RegExp(`nice ${niceness}$`, 'm'));
});

test('everybody’s priority is not touched', async () => {
  const { pid } = started();
  await lowerPriority(pid, 0);
  expect(getPriority(pid)).toBe(own());
});

test('a process that is gone is no failure', async () => {
  const { child: ending, pid } = started();
  const gone = once(ending, 'exit');
  ending.kill('SIGKILL');
  await gone;
  await expect(lowerPriority(pid, 10)).resolves.toBeUndefined();
});
