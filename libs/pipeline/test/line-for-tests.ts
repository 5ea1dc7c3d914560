import amqp, { type ConfirmChannel, type GetMessage } from 'amqplib';
import { type Contract, type Envelope, SubmittedMail } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { createLog, createMetrics, type Log, silentLog } from '@mailrail/telemetry';
import { freshVhost, mailTo, type Vhost } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { type Outcome, type Pin, type Running, runService, type ServiceOptions } from '../src/index.ts';

export const organization = organizationOf({
  organization: 'corp',
  site: 'london',
  server: 'EX1',
  servers: [{ name: 'EX1', site: 'london' }],
  domains: [{ name: 'corp.example', type: 'authoritative' }],
  postmaster: 'postmaster@corp.example',
});

/** A topology in a vhost of its own, with a client to look and to put mail in, and stages as a test wants them. */
export async function lineForTests(broker?: { amqpUrl: string; managementUrl: string }) {
  const vhost: Vhost = await freshVhost(broker);
  const topology = topologyOf([{ name: 'internet', kind: 'smtp' }]);
  await declareTopology(topology, vhost.amqpUrl);
  const connection = await amqp.connect(vhost.amqpUrl, { noDelay: true });
  connection.on('error', () => {});
  const channel: ConfirmChannel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  const ledger = memoryLedger();
  const running: Running[] = [];

  return {
    vhost,
    topology,
    channel,
    ledger,
    /** Runs a stage on `mts-in`, or where the options say. */
    async stage(
      handle: (mail: Envelope) => Outcome | Promise<Outcome>,
      more: Partial<ServiceOptions<Contract>> & { amqpUrl?: string; log?: Log; content?: Pin } = {},
    ) {
      const metrics = createMetrics('test');
      const one = await runService({
        stage: 'store-driver.submit',
        station: 'mts-in',
        consumes: SubmittedMail,
        config: { AMQP_URL: more.amqpUrl ?? vhost.amqpUrl, REDIS_URL: '', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: 0 },
        organization,
        ledger: { ...ledger, close: async () => {} },
        log: more.log ?? (process.env['TEST_LOG'] === undefined ? silentLog : createLog('test')),
        metrics,
        handle,
        ...more,
      });
      running.push(one);
      return { ...one, metrics };
    },
    /** Puts a bag into a station as an earlier stage would. */
    async put(mails: readonly unknown[], options: { station?: string; schema?: string; headers?: Record<string, unknown> } = {}) {
      const { station = 'mts-in', schema = 'mts-in.v1', headers = {} } = options;
      await this.putRaw(JSON.stringify({ schema, mails }), { station, type: schema, headers });
    },
    async putRaw(
      body: string,
      { station = 'mts-in', type = 'mts-in.v1', headers = {} }: { station?: string; type?: string; headers?: Record<string, unknown> } = {},
    ) {
      channel.publish('mail', station, Buffer.from(body), { persistent: true, messageId: `test-${Math.random()}`, type, headers });
      await channel.waitForConfirms();
    },
    /** The next message of a queue, taken out of it. */
    async take(queue: string): Promise<GetMessage | undefined> {
      const message = await channel.get(queue, { noAck: true });
      return message === false ? undefined : message;
    },
    async depth(queue: string): Promise<number> {
      return (await channel.checkQueue(queue)).messageCount;
    },
    async stopStages() {
      await Promise.all(running.splice(0).map((one) => one.stop().catch(() => {})));
    },
    async close() {
      await this.stopStages();
      await connection.close().catch(() => {});
      await vhost.drop();
    },
  };
}
export type LineForTests = Awaited<ReturnType<typeof lineForTests>>;

export const submitted = (recipients: readonly string[] = ['ada@corp.example'], more: Partial<Envelope> = {}) => ({
  ...mailTo(recipients, more),
  header: { receivedCount: 1, headerBytes: 100, autoSubmitted: false, priority: 'normal' },
});

/** Mails of a message that was taken from a queue. */
export function mailsOf(message: GetMessage | undefined): Envelope[] {
  if (message === undefined) return [];
  const parsed: unknown = JSON.parse(message.content.toString());
  return typeof parsed === 'object' && parsed !== null && 'mails' in parsed ? (parsed.mails as Envelope[]) : [];
}

export { queueName };
