import { type OwnRabbitMq, type RabbitMqOptions, startRabbitMq } from './brokers/rabbitmq-process.ts';
import { type OwnRedis, type RedisOptions, startRedis } from './brokers/redis-process.ts';
import { brokerSources } from './brokers/sources.ts';

export { type BrokerUrls, type GuardedBrokers, type GuardOptions, type GuardReport, guardedBrokers } from './brokers/guarded.ts';
export { againIfPortTaken, freePorts, PortTaken } from './brokers/ports.ts';
export { beginningOf, commandLine } from './brokers/processes.ts';
export { type OwnRabbitMq, type OwnServer } from './brokers/rabbitmq-process.ts';
export { type OwnRedis } from './brokers/redis-process.ts';
export { brokerSources, type Source, type Sources } from './brokers/sources.ts';

/**
 * The brokers of this test run. Jest's global set-up has provided them: given by AMQP_URL and REDIS_URL, in containers, or private.
 *
 * @throws Error when there are none: a test that needs one belongs into a `*.broker.test.ts`, which gets the set-up.
 */
export function brokersForTests(env: NodeJS.ProcessEnv = process.env): { amqpUrl: string; managementUrl: string; redisUrl: string } {
  const amqpUrl = env['AMQP_URL'];
  const redisUrl = env['REDIS_URL'];
  if (amqpUrl === undefined || redisUrl === undefined)
    throw new Error('no brokers: name this file *.broker.test.ts, or set AMQP_URL and REDIS_URL');
  return { amqpUrl, redisUrl, managementUrl: env['MGMT_URL'] || managementGuess(amqpUrl) };
}

/** Where the management API of a broker usually is: the same host and user, port 15672. */
export function managementGuess(amqpUrl: string): string {
  const url = new URL(amqpUrl);
  const login = url.username === '' ? 'guest:guest' : `${url.username}:${url.password}`;
  return `http://${login}@${url.hostname}:15672`;
}

/**
 * A RabbitMQ node of the test's own, to be stopped, killed and started again. About 8 s; share one among the tests of a file.
 *
 * @throws Error when this machine has no rabbitmq-server: such tests cannot use a broker they were given.
 */
export function startBroker(options: Omit<RabbitMqOptions, 'binary'> = {}): Promise<OwnRabbitMq> {
  return startRabbitMq({ ...options, binary: ownBinary('rabbitmq', 'rabbitmq-server') });
}

/** A Redis of the test's own. */
export function startOwnRedis(options: Omit<RedisOptions, 'binary'> = {}): Promise<OwnRedis> {
  return startRedis({ ...options, binary: ownBinary('redis', 'redis-server') });
}

function ownBinary(kind: 'rabbitmq' | 'redis', name: string): string {
  const { AMQP_URL: _a, REDIS_URL: _r, MAILRAIL_BROKERS: _m, ...env } = process.env;
  const source = brokerSources({ ...env, MAILRAIL_CONTAINERS: 'never' })[kind];
  if (source.from !== 'binary') throw new Error(`this test stops and kills ${name} itself and needs one installed on this machine`);
  return source.path;
}
