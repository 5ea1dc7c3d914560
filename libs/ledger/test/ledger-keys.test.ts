import { newRootId } from '@mailrail/mail';
import { expect, test } from '@jest/globals';
import { ledgerKeys } from '../src/ledger-keys.ts';

const rootId = '0190a0b0-0000-7000-8000-0000000000ab';

test('on one server no key has a tag', () => {
  const keys = ledgerKeys('mailrail:', false);
  expect(keys.of(`m:${rootId}:guid`)).toBe(`mailrail:m:${rootId}:guid`);
  expect(keys.guard('k', { field: 'accepted', by: 1, once: 'x' })).toBe('mailrail:c:accepted:x');
  expect([keys.shards, keys.counts(keys.shardOf('k'))]).toEqual([[''], 'mailrail:counts']);
});

test('in a cluster what is about one mail lies in one slot, its counts too', () => {
  const keys = ledgerKeys('mailrail:', true);
  const names = [
    keys.of(`m:${rootId}:guid`),
    keys.of(`claim:mts-in:${rootId}:1`),
    keys.guard(`m:${rootId}:guid`, { field: 'delivered', by: 1 }),
    keys.guard('anything', { field: 'accepted', by: 1, once: `accepted:${rootId}` }),
    keys.counts(keys.shardOf(`h:${rootId}:0:SMTP:ada@corp.example`)),
  ];
  expect(names.map((name) => /^mailrail:(\{[^}]+\}):/.exec(name)?.[1])).toEqual(Array.from(names, () => '{2b}'));
  expect(keys.shards.map((shard) => keys.counts(shard))).toContain(names[4]);
});

test('mails spread over all shards', () => {
  const keys = ledgerKeys('', true);
  const found = new Set(Array.from({ length: 2_000 }, () => keys.shardOf(`m:${newRootId()}:x`)));
  for (let index = 0; index < 2_000; index += 1) found.add(keys.shardOf(`connector-${index}`));
  expect([...found].sort()).toEqual([...keys.shards].sort());
});
