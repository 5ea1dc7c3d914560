import { freePorts, type OwnRedis, startOwnRedis, waitFor } from '@mailrail/testing';
import { Redis } from 'ioredis';

export interface RedisGroup {
  readonly url: string;
  readonly servers: readonly OwnRedis[];
  readonly close: () => Promise<void>;
}

/** A cluster of three masters of our own, each with a third of the slots. Ready when every one of them says so; 1 to 2 s. */
export async function startCluster(): Promise<RedisGroup> {
  const busPorts = await freePorts([0, 0, 0]);
  const settings = (busPort: number) => [
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    'cluster-node-timeout 2000',
    'cluster-require-full-coverage no',
    'databases 1',
  ];
  const servers = await Promise.all(busPorts.map((busPort) => startOwnRedis({ settings: settings(busPort) })));
  const clients = servers.map(({ redisUrl }) => new Redis(redisUrl));
  const bounds = [0, 5_461, 10_923, 16_384];
  try {
    for (const [at, client] of clients.entries()) {
      await client.cluster('ADDSLOTSRANGE', bounds[at] ?? 0, (bounds[at + 1] ?? 0) - 1);
      for (const [other, { redisUrl }] of servers.entries()) {
        if (other !== at) await client.call('CLUSTER', 'MEET', '127.0.0.1', new URL(redisUrl).port, String(busPorts[other]));
      }
    }
    await waitFor(
      async () => {
        const states = await Promise.all(clients.map((client) => client.cluster('INFO')));
        return states.every(
          (state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:3/.test(state) && /cluster_slots_ok:16384/.test(state),
        );
      },
      { what: 'the cluster of three', timeoutMs: 15_000 },
    );
  } finally {
    for (const client of clients) client.disconnect();
  }
  const hosts = servers.map(({ redisUrl }) => new URL(redisUrl).host);
  return {
    url: `redis+cluster://${hosts.slice(0, 2).join()}`,
    servers,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** A master, a replica and a Sentinel that watches them and is alone in what it decides; `servers` in this order. */
export async function startSentinelGroup(): Promise<RedisGroup> {
  const master = await startOwnRedis({ settings: ['repl-diskless-sync-delay 0'] });
  const masterPort = new URL(master.redisUrl).port;
  const replica = await startOwnRedis({ settings: [`replicaof 127.0.0.1 ${masterPort}`] });
  // A Sentinel asks its master once at first and then every ten seconds: what it is to know must be there by then.
  await answers(replica.redisUrl, 'the replica follows', async (client) => /master_link_status:up/.test(await client.info('replication')));
  const sentinel = await startOwnRedis({
    sentinel: true,
    settings: [
      `sentinel monitor mymaster 127.0.0.1 ${masterPort} 1`,
      'sentinel down-after-milliseconds mymaster 500',
      'sentinel failover-timeout mymaster 2000',
    ],
  });
  await answers(sentinel.redisUrl, 'the Sentinel knows the replica', async (client) => {
    const about = await client.call('SENTINEL', 'REPLICAS', 'mymaster');
    return Array.isArray(about) && about.some((one) => Array.isArray(one) && one.includes('slave'));
  });
  const servers = [master, replica, sentinel];
  return {
    url: `redis+sentinel://${new URL(sentinel.redisUrl).host}/mymaster`,
    servers,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

async function answers(url: string, what: string, question: (client: Redis) => Promise<boolean>): Promise<void> {
  const client = new Redis(url);
  try {
    await waitFor(() => question(client), { what, timeoutMs: 20_000 });
  } finally {
    client.disconnect();
  }
}
