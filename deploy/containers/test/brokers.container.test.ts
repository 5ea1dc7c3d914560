import { expect, jest, test } from '@jest/globals';
import { guardedBrokers } from '@mailrail/testing';
import { topologyOf, declareTopology } from '@mailrail/topology';
import amqp from 'amqplib';
import { run } from '../src/commands.ts';
import type { Images } from '../src/images.ts';

const images: Images = JSON.parse(process.env['MAILRAIL_TEST_IMAGES'] ?? '{}');

jest.setTimeout(300_000);

const containers = async () =>
  (await run('docker', ['ps', '--quiet', '--filter', 'label=org.testcontainers=true'])).stdout
    .trim()
    .split('\n')
    .filter((id) => id !== '');

test('the test brokers come as containers where an engine answers, and are gone afterwards', async () => {
  const before = await containers();
  const sources = {
    rabbitmq: { from: 'container', engine: 'docker', image: images.rabbitmq },
    redis: { from: 'container', engine: 'docker', image: images.redis },
  };
  const { AMQP_URL: _a, REDIS_URL: _r, MGMT_URL: _m, ...env } = process.env;
  const brokers = await guardedBrokers({ env: { ...env, MAILRAIL_BROKERS: JSON.stringify(sources) } });
  try {
    expect(brokers.from).toEqual({ rabbitmq: 'container', redis: 'container' });
    expect((await containers()).length).toBe(before.length + 2);
    await declareTopology(topologyOf([{ name: 'internet', kind: 'smtp' }]), brokers.amqpUrl, brokers.managementUrl);
    const connection = await amqp.connect(brokers.amqpUrl, { noDelay: true });
    const channel = await connection.createConfirmChannel();
    channel.publish('mail', 'gateway.in', Buffer.from('{}'), { persistent: true, mandatory: true });
    await channel.waitForConfirms();
    expect((await channel.checkQueue('1.gateway.in')).messageCount).toBe(1);
    await connection.close();
  } finally {
    await brokers.close();
  }
  expect(await containers()).toEqual(before);
});
