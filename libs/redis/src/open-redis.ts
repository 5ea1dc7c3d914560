import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';

/** How a connection behaves, whatever kind of Redis it leads to. */
export interface OpenRedisOptions {
  connectionName?: string; // in CLIENT LIST
  commandTimeoutMs?: number; // a call without an answer fails after this
  connectTimeoutMs?: number; // default 2,000
  socketTimeoutMs?: number; // a connection on which nothing comes for so long is a dead one
  /** Calls wait for a connection, else they fail at once while there is none. */
  queueWhileAway: boolean;
  /** Calls of one turn of the event loop go out together. In a cluster they always do, sorted by node. */
  autoPipelining: boolean;
  /** Commands whose first argument is no key, so that they cannot be sorted by node; they go out alone in a cluster. */
  neverPipelined?: readonly string[];
  retryMs: (times: number) => number; // pause before the next attempt to connect
}

/** A connection: one server, the master of a group that Sentinel watches, or a cluster. */
export interface RedisConnection {
  readonly client: Redis | Cluster;
  /** Keys of one call must lie in one slot, `{...}` in a key naming it. */
  readonly cluster: boolean;
}

/**
 * Opens a Redis by its address, see `parseRedisUrl`. It connects by itself, again and again; errors come as `error` events of the client.
 *
 * @throws TypeError for an address that is none.
 */
export function openRedis(url: string, options: OpenRedisOptions): RedisConnection {
  const address = parseRedisUrl(url);
  const common: Common = {
    ...(options.connectionName === undefined ? {} : { connectionName: options.connectionName }),
    ...(options.commandTimeoutMs === undefined ? {} : { commandTimeout: options.commandTimeoutMs }),
    ...(options.socketTimeoutMs === undefined ? {} : { socketTimeout: options.socketTimeoutMs }),
    connectTimeout: options.connectTimeoutMs ?? 2_000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: options.queueWhileAway,
  };
  if (address.kind === 'cluster') return { client: openCluster(address, common, options), cluster: true };
  const alone = {
    ...common,
    enableOfflineQueue: options.queueWhileAway,
    enableAutoPipelining: options.autoPipelining,
    retryStrategy: options.retryMs,
  } satisfies RedisOptions;
  if (address.kind === 'single') return { client: new Redis(address.url, alone), cluster: false };
  return { client: new Redis({ ...alone, ...sentinelOptions(address, options) }), cluster: false };
}

/** Without the option that changes how replies look: the constructors are told apart by it. */
type Common = Omit<RedisOptions, 'replyMapping'>;
type Address<Kind extends RedisAddress['kind']> = Extract<RedisAddress, { kind: Kind }>;

function sentinelOptions({ sentinels, name, tls, login, sentinelLogin, db }: Address<'sentinel'>, options: OpenRedisOptions): Common {
  return {
    sentinels: [...sentinels],
    name,
    db,
    ...login,
    ...(sentinelLogin.username === undefined ? {} : { sentinelUsername: sentinelLogin.username }),
    ...(sentinelLogin.password === undefined ? {} : { sentinelPassword: sentinelLogin.password }),
    ...(tls ? { tls: {}, enableTLSForSentinelMode: true } : {}),
    sentinelRetryStrategy: options.retryMs,
    sentinelCommandTimeout: options.connectTimeoutMs ?? 2_000, // a Sentinel that hangs must not keep the others from being asked
    // A master that was demoted but lives: its Sentinel cuts the connections, and what slips through is refused. ioredis' own
    // `failoverDetector` is not used: a switch that it hears while it connects ends the client for good.
    failoverDetector: false,
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  };
}

function openCluster({ nodes, tls, login }: Address<'cluster'>, common: Common, options: OpenRedisOptions): Cluster {
  return new Cluster([...nodes], {
    redisOptions: { ...common, ...login, ...(tls ? { tls: {} } : {}) },
    enableOfflineQueue: options.queueWhileAway,
    enableAutoPipelining: true,
    autoPipeliningIgnoredCommands: [...(options.neverPipelined ?? [])],
    clusterRetryStrategy: options.retryMs,
    clusterNodeRetryStrategy: options.retryMs, // a node that comes back without a change of slots is nobody's news
    slotsRefreshInterval: 5_000,
    slotsRefreshTimeout: options.connectTimeoutMs ?? 2_000,
    // A certificate names hosts: nodes are then connected to by the name they announce, not by an address looked up first.
    ...(tls ? { dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host) } : {}),
  });
}
