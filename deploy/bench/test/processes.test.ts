import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listeningInodes } from '../src/listener.ts';
import { allProcesses, cpuOf, difference, memoryOf, parseStat, pssKb, treesOf } from '../src/processes.ts';

/** As the kernel writes it: 52 fields, ticks of itself at 14 and 15, of its dead children at 16 and 17. */
const stat = (pid: number, name: string, parent: number, [user, system, deadUser, deadSystem]: [number, number, number, number]) =>
  `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 100 200 0 0 ${user} ${system} ${deadUser} ${deadSystem} 20 0 1 0 500 1000 200 ${'0 '.repeat(27)}0\n`;

let proc = '';
beforeAll(() => {
  proc = mkdtempSync(path.join(tmpdir(), 'bench-proc-'));
  const put = (pid: number, text: string, pss: number) => {
    mkdirSync(path.join(proc, String(pid)));
    writeFileSync(path.join(proc, String(pid), 'stat'), text);
    writeFileSync(
      path.join(proc, String(pid), 'smaps_rollup'),
      `00-ff ---p 0 00:00 0 [rollup]\nRss: 9999 kB\nPss:   ${pss} kB\nPss_Dirty: 1 kB\n`,
    );
  };
  put(1, stat(1, 'init', 0, [1, 1, 1, 1]), 100);
  put(10, stat(10, 'master', 1, [100, 50, 30, 20]), 1_024);
  put(11, stat(11, 'smtpd (x) y)', 10, [10, 0, 0, 0]), 512);
  put(12, stat(12, 'grandchild', 11, [5, 5, 0, 0]), 512);
  put(20, stat(20, 'gateway', 10, [300, 0, 0, 0]), 2_048); // a root below another root
  writeFileSync(path.join(proc, 'uptime'), '1 1\n');
});
afterAll(() => rmSync(proc, { recursive: true, force: true }));

test('a name with brackets and blanks does not shift the fields', () => {
  expect(parseStat(stat(11, 'smtpd (x) y)', 10, [10, 5, 3, 2]))).toEqual({ pid: 11, parent: 10, cpuSeconds: 0.2 });
});

test.each(['', '11', 'no stat at all'])('%j is no process', (text) => {
  expect(parseStat(text)).toBeUndefined();
});

test('this machine tells of this process', () => {
  expect(allProcesses().map(({ pid }) => pid)).toContain(process.pid);
});

test('a process belongs to the nearest root above it', () => {
  const trees = treesOf({ postfix: 10, gateway: 20 }, allProcesses(proc));
  expect(Object.fromEntries([...trees].map(([name, tree]) => [name, tree.map(({ pid }) => pid).toSorted((a, b) => a - b)]))).toEqual({
    postfix: [10, 11, 12],
    gateway: [20],
  });
});

test('CPU and memory are those of the whole tree', () => {
  const roots = { postfix: 10, gateway: 20, gone: 99 };
  expect(cpuOf(roots, proc)).toEqual({ postfix: 2.2, gateway: 3, gone: 0 });
  expect(memoryOf(roots, proc)).toEqual({ postfix: 2, gateway: 2, gone: 0 });
});

test('pssKb takes Pss and none of its parts', () => {
  expect(pssKb('Rss: 5 kB\nPss_Anon: 7 kB\nPss:    123 kB\n')).toBe(123);
  expect(pssKb('')).toBe(0);
});

test('a root that began anew has not used less than nothing', () => {
  expect(difference({ a: 3, b: 1, c: 2 }, { a: 1, b: 5 })).toEqual({ a: 2, b: 0, c: 2 });
});

test('listeners of a port are told from connections to it', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:0A0D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:0A0D 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:1B2C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  expect(listeningInodes(table, 0x0a0d)).toEqual(['111']);
  expect(listeningInodes(table, 1)).toEqual([]);
});
