import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { watchStore } from '../src/store-watch.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('says what the matter is, and when it is over', async () => {
  let broken = false;
  const watch = watchStore('mailboxes', () => (broken ? Promise.reject(new Error('ENOSPC')) : Promise.resolve()), 1_000);
  await jest.advanceTimersByTimeAsync(0);
  expect(watch.trouble()).toBeUndefined();
  broken = true;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(watch.trouble()).toBe('mailboxes: ENOSPC');
  broken = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(watch.trouble()).toBeUndefined();
  watch.stop();
});

test('a store that hangs is said to, and is not asked again before it answers', async () => {
  let asked = 0;
  let answer = () => {};
  const watch = watchStore(
    'mailboxes',
    () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    1_000,
  );
  await jest.advanceTimersByTimeAsync(5_000);
  expect([asked, watch.trouble()]).toEqual([1, 'mailboxes: no answer for 1000 ms']);
  answer();
  await jest.advanceTimersByTimeAsync(1_000);
  expect([asked, watch.trouble()]).toEqual([2, undefined]);
  watch.stop();
  await jest.advanceTimersByTimeAsync(5_000);
  expect(asked).toBe(2);
});
