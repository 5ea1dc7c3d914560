// Jest's global set-up of every project that needs RabbitMQ and Redis. The guard ends with this process, however it ends:
// jest skips its tear-down on Ctrl-C.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const guarded = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'libs', 'testing', 'src', 'brokers', 'guarded.ts');

export default async function start() {
  const { guardedBrokers } = await import(pathToFileURL(guarded).href);
  const brokers = await guardedBrokers({
    managementUrl: process.env.MGMT_URL,
    onReport: (report) => process.stderr.write(`brokers: ${JSON.stringify(report)}\n`),
  });
  Object.assign(process.env, { AMQP_URL: brokers.amqpUrl, REDIS_URL: brokers.redisUrl });
  if (brokers.managementUrl !== '') process.env.MGMT_URL = brokers.managementUrl;
  globalThis.mailrailBrokers = brokers;
}
