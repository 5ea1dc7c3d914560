import { expect, test } from '@jest/globals';
import { memoryContentStore } from '../src/index.ts';
import { bytes, codeOf, contentStoreSuite, idAt, textOf } from './content-store-suite.ts';

contentStoreSuite('in memory', () => {
  const store = memoryContentStore();
  return { store, age: (ref, writtenAt) => store.age(ref, writtenAt), close: () => {} };
});

test('an outage makes every call unavailable, and passes', async () => {
  const store = memoryContentStore();
  const key = { rootId: idAt(Date.now()), form: 'internet' };
  const { ref } = await store.put(key, bytes('x'));
  store.outage = 'disk on fire';
  for (const call of [
    store.put(key, bytes('x')),
    store.size(ref),
    store.head(ref, 1),
    store.verify(ref),
    store.hold(ref),
    store.probe(),
    textOf(store, ref),
  ])
    expect(await codeOf(call)).toBe('unavailable');
  store.outage = undefined;
  expect(await textOf(store, ref)).toBe('x');
  store.lose(ref);
  expect(await codeOf(store.size(ref))).toBe('missing');
});
