import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContentStore, filesystemContentStore } from '@mailrail/content-store';
import { Bag, type Envelope } from '@mailrail/contracts';
import { freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, topologyOf } from '@mailrail/topology';
import type { Running } from '../src/index.ts';

export interface PlaceOptions {
  /** More lines of organization.yaml. */
  organization?: string;
  /** Rows whose stations are declared, as `organization` names them. */
  connectors?: Parameters<typeof topologyOf>[0];
}

/** The oldest message of a queue, taken off it. */
export interface Taken {
  payload: string;
  headers: Record<string, unknown>;
}

/** What a service needs around it: queues in a vhost of its own, a Redis database, an organization and a content store. */
export interface ServicePlace {
  readonly folder: string; // removed at the end
  readonly vhost: Vhost;
  readonly redis: TestRedis;
  readonly content: ContentStore;
  /** The configuration common to all services. */
  readonly env: Readonly<Record<string, string>>;
  /** Waits until all are ready. */
  ready(...running: readonly Pick<Running, 'adminPort'>[]): Promise<void>;
  /** What they answer at /metrics. */
  metrics(...running: readonly Pick<Running, 'adminPort'>[]): Promise<string[]>;
  /** The mail with `bytes` as its content, which is stored. */
  withContent<Mail extends Envelope>(mail: Mail, form: Parameters<ContentStore['put']>[0]['form'], bytes: Buffer): Promise<Mail>;
  /** Puts a bag with this one mail into a station, as a stage before would. */
  publish<Mail extends Envelope>(station: string, mail: Mail, schema?: string): Promise<void>;
  take(queue: string): Promise<Taken | undefined>;
  /** Waits for the next bag of a queue, and takes it. */
  takeBag(queue: string): Promise<Bag>;
  close(): Promise<void>;
}

export async function servicePlace({ organization = '', connectors = [] }: PlaceOptions = {}): Promise<ServicePlace> {
  const [folder, vhost, redis] = await Promise.all([mkdtemp(join(tmpdir(), 'mailrail-service-')), freshVhost(), redisForTests()]);
  await declareTopology(topologyOf(connectors), vhost.amqpUrl, vhost.managementUrl);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }, { name: EX2, site: paris }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
${organization}`,
  );
  const contentFolder = join(folder, 'content');
  const content = filesystemContentStore({ directory: contentFolder });
  const ask = async ({ adminPort }: Pick<Running, 'adminPort'>, path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);

  const take: ServicePlace['take'] = async (queue) => {
    const answer = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, {
      count: 1,
      ackmode: 'ack_requeue_false',
      encoding: 'auto',
    });
    const [first] = answer as { payload: string; properties: { headers?: Record<string, unknown> } }[]; // the management API's form
    return first === undefined ? undefined : { payload: first.payload, headers: first.properties.headers ?? {} };
  };
  return {
    folder,
    vhost,
    redis,
    content,
    env: {
      AMQP_URL: vhost.amqpUrl,
      REDIS_URL: redis.redisUrl,
      ORGANIZATION_FILE: file,
      CONTENT_DIR: contentFolder,
      LOG_LEVEL: 'silent',
    },
    ready: async (...running) => {
      await waitFor(async () => (await Promise.all(running.map((one) => ask(one, '/health/ready')))).every(({ ok }) => ok), {
        what: 'services that are ready',
        timeoutMs: 20_000,
      });
    },
    metrics: (...running) => Promise.all(running.map(async (one) => (await ask(one, '/metrics')).text())),
    withContent: async (mail, form, bytes) => {
      const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form }, [bytes]);
      return { ...mail, content: { ...mail.content, ref, sizeBytes, sha256 } };
    },
    publish: async (station, mail, schema = `${station}.v1`) => {
      await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
        routing_key: station,
        payload: JSON.stringify({ schema, mails: [mail] }),
        payload_encoding: 'string',
        properties: { message_id: mail.copyId, type: schema, delivery_mode: 2, headers: {} },
      });
    },
    take,
    takeBag: async (queue) => {
      const { payload } = await waitFor(() => take(queue), { what: `a bag in ${queue}`, timeoutMs: 20_000 });
      return Bag.parse(JSON.parse(payload));
    },
    close: async () => {
      await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
    },
  };
}
