import { openRedis } from '@mailrail/redis';
import { type RedisGroup, startCluster, startSentinelGroup } from '@mailrail/redis/groups';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newRootId } from '@mailrail/mail';
import { silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type Ledger, redisLedger } from '../src/index.ts';
import { ledgerSuite } from './ledger-suite.ts';

describe('a cluster of three masters', () => {
  let group: RedisGroup;
  let ledger: Ledger;
  beforeAll(async () => {
    group = await startCluster();
    ledger = redisLedger({ url: group.url, log: silentLog });
  }, 30_000);
  afterAll(async () => {
    await ledger.close();
    await group.close();
  });

  ledgerSuite('redis cluster', async () => {
    const one = redisLedger({ url: group.url, log: silentLog });
    return { ledger: one, close: () => one.close() };
  });

  test('mails on all nodes complete in one call, each counted once, and are asked for in one', async () => {
    const before = await ledger.counts();
    const entries = Array.from({ length: 100 }, () => ({
      key: `m:${newRootId()}:guid`,
      outcome: 'in the mailbox',
      count: { field: 'delivered' as const, by: 1 },
    }));
    expect(await Promise.all([ledger.complete(entries), ledger.complete(entries)])).toEqual([true, true]);
    const after = await ledger.counts();
    if (before === 'silent' || after === 'silent') throw new Error('silent');
    expect((after.delivered ?? 0) - (before.delivered ?? 0)).toBe(100);
    const asked = await ledger.effects([...entries.map(({ key }) => key), `m:${newRootId()}:nobody`]);
    expect(asked).toEqual([...entries.map(() => ({ kind: 'done', outcome: 'in the mailbox' })), undefined]);
  });

  test('a fact that is counted under the name of another mail is counted once, too', async () => {
    const once = `accepted:${newRootId()}`;
    const count = { field: 'accepted' as const, by: 7, once };
    const accepted = async () => {
      const counts = await ledger.counts();
      return counts === 'silent' ? -1 : (counts.accepted ?? 0);
    };
    const before = await accepted();
    for (let index = 0; index < 20; index += 1) {
      expect(await ledger.claim(`claim:${newRootId()}`, 'copy', count)).toBe('mine');
      expect(await ledger.complete([{ key: `h:${newRootId()}`, outcome: '250 ok', count }])).toBe(true);
    }
    expect((await accepted()) - before).toBe(7);
  });

  test('one node away: its mails are silent, those of the others go on; heard again when it is back', async () => {
    const lone = redisLedger({ url: group.url, log: silentLog, commandTimeoutMs: 400, circuitOpenMs: 200 });
    const claims = () =>
      Promise.all(Array.from({ length: 60 }, async () => lone.claim(`claim:${newRootId()}`, 'copy', { field: 'accepted', by: 1 })));
    try {
      await waitFor(async () => (await claims()).every((answer) => answer === 'mine'), { what: 'all answer' });
      await group.servers[2]?.kill();
      await waitFor(
        async () => {
          const answers = await claims();
          return answers.includes('mine') && answers.includes('silent');
        },
        { what: 'two thirds answer' },
      );
      await group.servers[2]?.start();
      await waitFor(async () => (await claims()).every((answer) => answer === 'mine'), { what: 'all answer again', timeoutMs: 20_000 });
    } finally {
      await lone.close();
    }
  }, 40_000);
});

test('a master that dies under a Sentinel: silent, then its replica answers with what was written before', async () => {
  const group = await startSentinelGroup();
  const ledger = redisLedger({ url: group.url, log: silentLog, commandTimeoutMs: 500, circuitOpenMs: 200 });
  try {
    await waitFor(async () => (await ledger.claim('first', 'copy')) === 'mine', { what: 'the ledger answers' });
    // Replication is asynchronous: what a master had alone when it died is lost with it.
    const replica = openRedis(group.servers[1]?.redisUrl ?? '', { queueWhileAway: true, autoPipelining: false, retryMs: () => 100 });
    await waitFor(async () => (await replica.client.get('mailrail:first')) === 'copy', { what: 'the replica has the claim' });
    replica.client.disconnect();
    await group.servers[0]?.kill();
    expect(await ledger.claim('second', 'copy')).toBe('silent');
    // A second as a rule; a Sentinel that was held up by a busy machine does nothing for 30 s.
    await waitFor(async () => (await ledger.claim('third', 'copy')) === 'mine', { what: 'the replica took over', timeoutMs: 60_000 });
    expect(await ledger.claim('first', 'another copy')).toBe('other');
  } finally {
    await ledger.close();
    await group.close();
  }
}, 120_000);

test('a master that is demoted but lives: the ledger goes to the new one', async () => {
  const group = await startSentinelGroup();
  const ledger = redisLedger({ url: group.url, log: silentLog, commandTimeoutMs: 500, circuitOpenMs: 200 });
  const [newMaster, sentinel] = group.servers
    .slice(1)
    .map(({ redisUrl }) => openRedis(redisUrl, { queueWhileAway: true, autoPipelining: false, retryMs: () => 100 }).client);
  try {
    await waitFor(async () => (await ledger.claim('before', 'copy')) === 'mine', { what: 'the ledger answers' });
    await waitFor(async () => (await newMaster?.get('mailrail:before')) === 'copy', { what: 'the replica has the claim' });
    // Refused as long as the Sentinel has not yet asked the replica how it is.
    await waitFor(async () => (await sentinel?.call('SENTINEL', 'FAILOVER', 'mymaster')) === 'OK', { what: 'the Sentinel obeys' });
    await waitFor(
      async () => {
        const key = newRootId();
        return (
          (await ledger.claim(key, 'copy')) === 'mine' &&
          (await newMaster?.get(`mailrail:${key}`)) === 'copy' &&
          (await isMaster(newMaster))
        );
      },
      { what: 'claims are at the new master', timeoutMs: 60_000 },
    );
    expect(await ledger.claim('before', 'another copy')).toBe('other');
  } finally {
    newMaster?.disconnect();
    sentinel?.disconnect();
    await ledger.close();
    await group.close();
  }
}, 120_000);

async function isMaster(server: ReturnType<typeof openRedis>['client'] | undefined): Promise<boolean> {
  return /role:master/.test((await server?.info('replication')) ?? '');
}
