/** Where a Redis is: one server, a group watched by Sentinel, or a cluster. */
export type RedisAddress =
  | { kind: 'single'; url: string }
  | ({ kind: 'sentinel'; sentinels: readonly RedisNode[]; name: string; sentinelLogin: RedisLogin } & Shared)
  | ({ kind: 'cluster'; nodes: readonly RedisNode[] } & Shared);

export interface RedisNode {
  host: string;
  port: number;
}
export interface RedisLogin {
  username?: string;
  password?: string;
}
interface Shared {
  tls: boolean;
  login: RedisLogin;
  db: number; // a cluster knows 0 only
}

/** More hosts than anybody has: what is longer is a mistake. */
const maxHosts = 64;
const form = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

/**
 * Reads the address of a Redis:
 *
 * - `redis://[user:password@]host[:6379][/db]`
 * - `redis+sentinel://[user:password@]host[:26379],host2[:26379]/master-name[/db][?sentinelUsername=...&sentinelPassword=...]`
 * - `redis+cluster://[user:password@]host[:6379],host2[:6379]`; some of the nodes are enough, they tell of the others
 *
 * each also as `rediss...`, with TLS. User and password are percent-encoded.
 *
 * @throws TypeError saying what is wrong; it never repeats the address, which may hold a password.
 */
export function parseRedisUrl(text: string): RedisAddress {
  if (/^rediss?:\/\//.test(text)) {
    const { hostname } = urlOf(text);
    if (hostname === '' || hostname.includes(',')) throw new TypeError('several hosts need redis+sentinel:// or redis+cluster://');
    return { kind: 'single', url: text };
  }
  const found = form.exec(text);
  if (found === null)
    throw new TypeError('not redis://host, redis+sentinel://host,host/name or redis+cluster://host,host (rediss for TLS)');
  const [, scheme, kind, userInfo, hosts = '', path = '', query = ''] = found;
  const tls = scheme === 'rediss';
  const login = loginOf(userInfo);
  if (kind === 'cluster') {
    if (path !== '' && path !== '0') throw new TypeError('a Redis cluster has database 0 only');
    return { kind, nodes: nodesOf(hosts, 6_379), tls, login, db: 0 };
  }
  const [name = '', db = '0', ...more] = path.split('/');
  if (name === '' || more.length > 0) throw new TypeError('redis+sentinel:// needs the name of the master: redis+sentinel://host/mymaster');
  if (!/^\d{1,4}$/.test(db)) throw new TypeError('the database is a number');
  const parameters = new URLSearchParams(query);
  const sentinelLogin = loginOfParts(parameters.get('sentinelUsername'), parameters.get('sentinelPassword'));
  return { kind: 'sentinel', sentinels: nodesOf(hosts, 26_379), name: decoded(name), sentinelLogin, tls, login, db: Number(db) };
}

/** Whether a text is an address of a Redis; for schemas. */
export function isRedisUrl(text: string): boolean {
  try {
    parseRedisUrl(text);
    return true;
  } catch {
    return false;
  }
}

function nodesOf(hosts: string, defaultPort: number): RedisNode[] {
  const names = hosts.split(',');
  if (names.length > maxHosts) throw new TypeError(`more than ${maxHosts} hosts`);
  return names.map((one) => {
    const { hostname, port } = urlOf(`redis://${one.trim()}`);
    if (hostname === '') throw new TypeError('an empty host');
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? defaultPort : Number(port) };
  });
}

function urlOf(text: string): URL {
  if (!URL.canParse(text)) throw new TypeError('a host of the Redis address cannot be read');
  return new URL(text);
}

function loginOf(userInfo: string | undefined): RedisLogin {
  if (userInfo === undefined) return {};
  const colon = userInfo.indexOf(':');
  if (colon < 0) return loginOfParts(decoded(userInfo), null);
  return loginOfParts(decoded(userInfo.slice(0, colon)), decoded(userInfo.slice(colon + 1)));
}

function loginOfParts(username: string | null, password: string | null): RedisLogin {
  return {
    ...(username === null || username === '' ? {} : { username }),
    ...(password === null || password === '' ? {} : { password }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError('a percent sign in the Redis address stands for itself: write %25');
  }
}
