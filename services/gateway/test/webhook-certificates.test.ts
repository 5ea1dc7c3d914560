import { expect, test } from '@jest/globals';
import { certificates, CertificatesBusy, inTime } from '../src/http/webhook-certificates.ts';

/** A way out that answers when it is told to. */
function wire() {
  const asked: string[] = [];
  const open = new Map<string, PromiseWithResolvers<string>>();
  const get = (url: string) => {
    asked.push(url);
    const answer = Promise.withResolvers<string>();
    open.set(url, answer);
    return answer.promise;
  };
  const fail = (url: string) => open.get(url)?.reject(new Error('away'));
  const answer = (url: string) => open.get(url)?.resolve(`text of ${url}`);
  return { asked, get, answer, fail };
}
const at = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `u${from + index}`);

test('one that is on its way is waited for by all', async () => {
  const { asked, get, answer } = wire();
  const certificate = certificates(get);
  const all = [certificate('a'), certificate('a'), certificate('a')];
  answer('a');
  expect(await Promise.all(all)).toEqual(['text of a', 'text of a', 'text of a']);
  expect(asked).toEqual(['a']);
});

test('the fifth is not asked for; with one of the four here, or failed, it is', async () => {
  const { asked, get, answer, fail } = wire();
  const certificate = certificates(get);
  const four = at(4).map((url) => certificate(url));
  await expect(certificate('fifth')).rejects.toBeInstanceOf(CertificatesBusy);
  expect(asked).toEqual(at(4));
  const known = certificate('u0');
  answer('u0');
  expect([await four[0], await known]).toEqual(['text of u0', 'text of u0']);
  const fifth = certificate('fifth');
  await expect(certificate('sixth')).rejects.toBeInstanceOf(CertificatesBusy);
  fail('u1');
  await expect(four[1]).rejects.toThrow('away');
  const sixth = certificate('sixth');
  for (const url of ['u2', 'u3', 'fifth', 'sixth']) answer(url);
  expect(await Promise.all([four[2], four[3], fifth, sixth])).toHaveLength(4);
});

test('what is known is there while others are on their way', async () => {
  const { get, answer } = wire();
  const certificate = certificates(get);
  const first = certificate('a');
  answer('a');
  await first;
  const four = at(4).map((url) => certificate(url));
  expect(await certificate('a')).toBe('text of a');
  for (const url of at(4)) answer(url);
  await Promise.all(four);
});

test('a failure is not remembered', async () => {
  const { asked, get, answer, fail } = wire();
  const certificate = certificates(get);
  const both = [certificate('a'), certificate('a')];
  fail('a');
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = certificate('a');
  answer('a');
  expect(await again).toBe('text of a');
  expect(asked).toEqual(['a', 'a']);
});

test('a day, and no more than twenty: those used last stay', async () => {
  const asked: string[] = [];
  const clock = { at: 0 };
  const certificate = certificates(
    (url) => {
      asked.push(url);
      return Promise.resolve(url);
    },
    () => clock.at,
  );
  for (const url of at(20)) await certificate(url);
  await certificate('u0');
  await certificate('u20'); // the oldest in use goes: u1
  asked.length = 0;
  await certificate('u0');
  await certificate('u20');
  expect(asked).toEqual([]);
  await certificate('u1');
  expect(asked).toEqual(['u1']);
  clock.at = 24 * 3_600_000;
  await certificate('u0');
  expect(asked).toEqual(['u1', 'u0']);
});

test('one that never comes is given up, and its place is free', async () => {
  const given: AbortSignal[] = [];
  const certificate = certificates(
    inTime((_url, signal) => {
      given.push(signal);
      return new Promise(() => {}); // heeds nothing
    }, 20),
  );
  const settled = await Promise.allSettled(at(4).map((url) => certificate(url)));
  expect(settled.map((one) => (one.status === 'rejected' ? String(one.reason) : ''))).toEqual(Array(4).fill('Error: no answer in 20 ms'));
  expect(given.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
  await expect(certificate('u9')).rejects.toThrow('no answer');
  expect(given).toHaveLength(5);
});
