import { describe, expect, test } from '@jest/globals';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { brokerSources, brokersForTests, freshVhost, redisForTests } from '../src/index.ts';

describe('brokers of the run', () => {
  test('a server that is given by its URL wins over the decision that was inherited', () => {
    const decided = { rabbitmq: { from: 'binary', path: '/rabbitmq-server' }, redis: { from: 'binary', path: '/redis-server' } };
    const env = { MAILRAIL_BROKERS: JSON.stringify(decided) };
    expect(brokerSources(env)).toEqual(decided);
    expect(brokerSources({ ...env, AMQP_URL: '', REDIS_URL: '' })).toEqual(decided);
    expect(brokerSources({ ...env, AMQP_URL: 'amqp://given', REDIS_URL: 'redis://given' })).toEqual({
      rabbitmq: { from: 'url', url: 'amqp://given' },
      redis: { from: 'url', url: 'redis://given' },
    });
  });

  test('a fresh vhost takes a quorum queue and is gone afterwards', async () => {
    const vhost = await freshVhost();
    const connection = await amqp.connect(vhost.amqpUrl, { noDelay: true });
    connection.on('error', () => {}); // the broker closes it when the vhost goes
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.assertQueue('q', { arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue('q', Buffer.from('hello'), { persistent: true });
    await channel.waitForConfirms();
    expect((await channel.checkQueue('q')).messageCount).toBe(1);
    const closed = new Promise((resolve) => connection.once('close', resolve));
    await vhost.drop();
    await closed;
    await expect(vhost.api('GET', `vhosts/${vhost.name}`)).rejects.toThrow('404');
  });

  test('the plugins a line uses are on', async () => {
    const vhost = await freshVhost();
    try {
      const definitions = await vhost.api('GET', `parameters/shovel/${vhost.name}`);
      expect(definitions).toEqual([]);
    } finally {
      await vhost.drop();
    }
  });

  test('two tests get two databases of Redis, empty, and dropping gives them back', async () => {
    const [one, two] = await Promise.all([redisForTests(), redisForTests()]);
    expect(one.redisUrl).not.toBe(two.redisUrl);
    const client = new Redis(one.redisUrl);
    await client.set('left', 'over');
    await one.drop();
    expect(await client.dbsize()).toBe(0);
    client.disconnect();
    await two.drop();
  });

  test('they answer where they say', () => {
    expect(brokersForTests().amqpUrl).toMatch(/^amqps?:/);
  });
});
