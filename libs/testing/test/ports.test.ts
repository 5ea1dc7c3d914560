import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { freePorts } from '@mailrail/testing';

const module = path.join(import.meta.dirname, '..', 'src', 'brokers', 'ports.ts');

test('any: all different, outside the range of connections that go out', async () => {
  const ports = await freePorts(Array.from({ length: 50 }, () => 0));
  expect(new Set(ports).size).toBe(50);
  const range = process.platform === 'linux' ? readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8') : '49152';
  for (const port of ports) expect(port).toBeLessThan(Number(range.split(/\s/)[0]));
});

test('a wanted one is given when it is free, and replaced when it is taken', async () => {
  const [wanted = 0] = await freePorts([0]);
  expect(await freePorts([wanted])).toEqual([wanted]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const [other] = await freePorts([wanted]);
  expect(other).not.toBe(wanted);
  await new Promise((resolve) => server.close(resolve));
});

test('what was chosen here is not chosen by another process before it is used', async () => {
  const chosen = new Set(await freePorts(Array.from({ length: 400 }, () => 0)));
  const script = `const { freePorts } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(await freePorts(Array.from({ length: 400 }, () => 0))));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { maxBuffer: 1e7 });
  const others: number[] = JSON.parse(stdout);
  expect(others).toHaveLength(400);
  expect(others.filter((port) => chosen.has(port))).toEqual([]);
}, 60_000);
