import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { untilSignal } from '../src/until-signal.ts';

test('two signals in one moment are one wish; a later one is impatience', async () => {
  let now = 1_000;
  const source = new EventEmitter() as unknown as Pick<NodeJS.Process, 'on'> & EventEmitter; // only `on` and `emit` are used
  const { first, second, signal } = untilSignal(source, () => now);
  let impatient = false;
  void second.then(() => {
    impatient = true;
  });
  source.emit('SIGINT', 'SIGINT');
  expect(await first).toBe('SIGINT');
  expect(signal.aborted).toBe(true);
  now += 20; // npm passes on what the terminal gave already
  source.emit('SIGINT', 'SIGINT');
  await Promise.resolve();
  expect(impatient).toBe(false);
  now += 1_000;
  source.emit('SIGTERM', 'SIGTERM');
  expect(await second).toBe('SIGTERM');
});
