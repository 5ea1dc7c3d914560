import { BlockList, isIP } from 'node:net';
import { checkGateways, checkTemplates } from './check-foreign.ts';
import { Duration, Size } from './schema.ts';
import { defaultHostname } from './snapshot.ts';

/** What does not fit together in an organization file, with the path of the setting to look at. */
export interface Misfit {
  path: (string | number)[];
  message: string;
}

/**
 * Checks what a schema cannot: names that must be unique or must exist elsewhere in the file. It takes the value as it was read,
 * valid or not, so that these mistakes are told together with those the schema finds; what is of the wrong type is left to that.
 */
export function checkOrganization(value: unknown): Misfit[] {
  const root = record(value);
  if (root === undefined) return [];
  const misfits: Misfit[] = [];
  const say = (path: (string | number)[], message: string) => misfits.push({ path, message });
  const servers = rows(root['servers']);
  const domains = rows(root['domains']);
  const gateways = rows(root['gateways']);
  const connectors = rows(root['connectors']);
  const sites = new Set(servers.map(({ row }) => row['site']).filter(isText));
  const ownSite = root['site'];

  unique(servers, 'servers', 'name', 'server', say);
  unique(domains, 'domains', 'name', 'domain', say);
  unique(gateways, 'gateways', 'name', 'gateway', say);
  unique(connectors, 'connectors', 'name', 'connector', say);
  unique(rows(root['messageFormats']), 'messageFormats', 'domain', 'domain', say);

  // This line's own place.
  const server = root['server'];
  const own = isText(server) ? servers.find(({ row }) => same(row['name'], server))?.row : undefined;
  if (isText(server) && own === undefined) say(['server'], `${server} has no row in servers`);
  if (isText(ownSite) && !sites.has(ownSite)) say(['site'], `no server is in site ${ownSite}: servers needs a row for it`);
  else if (isText(ownSite) && isText(own?.['site']) && own['site'] !== ownSite) {
    say(['site'], `${ownSite}, but servers says that ${String(server)} is in ${own['site']}`);
  }

  // Domains.
  const named = domains.flatMap(({ row }) => (isText(row['name']) ? [{ name: row['name'].toLowerCase(), type: String(row['type']) }] : []));
  const typeOf = new Map(named.toReversed().map(({ name, type }) => [name, type])); // of two rows the first counts
  if (domains.length > 0 && ![...typeOf.values()].includes('authoritative')) say(['domains'], 'at least one domain must be authoritative');
  const postmaster = root['postmaster'];
  if (isText(postmaster) && postmaster.includes('@')) {
    const domain = postmaster.slice(postmaster.lastIndexOf('@') + 1).toLowerCase();
    const type = typeOf.get(domain);
    if (type === undefined) say(['postmaster'], `domain ${domain} is not one of domains`);
    else if (type === 'relay') say(['postmaster'], `domain ${domain} is only relayed, its mailboxes are not here`);
  }
  const given = root['hostname'];
  const hostname = isText(given) ? given.toLowerCase() : isText(server) ? defaultHostname(server, named) : undefined;
  // A host with the name of a mail domain sends that domain's mail to itself (5.4.8).
  if (hostname !== undefined && typeOf.has(hostname)) say([isText(given) ? 'hostname' : 'server'], `${hostname} is also a mail domain`);

  for (const { row, path } of gateways.map(({ row, index }) => ({ row, path: ['gateways', index] }))) {
    for (const key of ['insideNetworks', 'proxyNetworks', 'xclientNetworks']) {
      const networks = Array.isArray(row[key]) ? row[key] : [];
      networks.forEach((network: unknown, at) => {
        if (isText(network) && !isNetwork(network)) say([...path, key, at], `${network} is no network such as 192.0.2.0/24`);
      });
    }
  }

  checkGateways(gateways, typeOf, say);
  checkTemplates(rows(root['addressTemplates']), typeOf, say);
  checkConnectors(connectors, { sites, ownSite, servers, server, typeOf }, say);

  const links = rows(root['siteLinks']);
  const seenLinks = new Set<string>();
  for (const { row, index } of links) {
    for (const end of ['from', 'to'] as const) {
      const site = row[end];
      if (isText(site) && !sites.has(site)) say(['siteLinks', index, end], `no server is in site ${site}`);
    }
    if (isText(row['from']) && row['from'] === row['to']) say(['siteLinks', index, 'to'], 'leads from a site to itself');
    if (isText(row['from']) && row['from'] === ownSite) {
      say(['siteLinks', index, 'from'], 'links from this site are its routing-group connectors');
    }
    const key = `${String(row['from'])}\n${String(row['to'])}`;
    if (seenLinks.has(key)) say(['siteLinks', index], 'this link is there twice');
    seenLinks.add(key);
  }

  checkTimes(root, connectors, say);
  return misfits;
}

type Row = Record<string, unknown>;
type Say = (path: (string | number)[], message: string) => void;

function checkConnectors(
  connectors: readonly { row: Row; index: number }[],
  known: { sites: Set<string>; ownSite: unknown; servers: readonly { row: Row }[]; server: unknown; typeOf: Map<string, string> },
  say: Say,
): void {
  for (const { row, index } of connectors) {
    const path = ['connectors', index];
    if (row['kind'] === 'routing-group' && isText(row['site'])) {
      const leadsHome = row['site'] === known.ownSite;
      const others = known.servers.some(({ row: one }) => one['site'] === known.ownSite && !same(one['name'], known.server));
      if (!known.sites.has(row['site'])) say([...path, 'site'], `no server is in site ${row['site']}`);
      else if (leadsHome && !others) say([...path, 'site'], `${row['site']} is this site, and no other server is in it`);
    }
    if ((row['user'] === undefined) !== (row['passwordEnv'] === undefined) && row['kind'] === 'smtp') {
      say(path, 'user and passwordEnv go together');
    }
    const seen = new Set<string>();
    for (const { row: space, index: at } of rows(row['addressSpaces'])) {
      if (!isText(space['space'])) continue;
      const key = space['space'].toLowerCase();
      const where = [...path, 'addressSpaces', at, 'space'];
      if (seen.has(key)) say(where, `${space['space']} is there twice`);
      seen.add(key);
      // Two ways for mail that never leaves: whoever claims such a domain makes a loop (5.4.6).
      const domain = key.startsWith('smtp:') ? key.slice(5) : '';
      if (known.typeOf.get(domain) === 'authoritative') say(where, `${domain} is authoritative here, so none of its mail leaves`);
    }
  }
}

function checkTimes(root: Row, connectors: readonly { row: Row; index: number }[], say: Say): void {
  let longest = 0;
  const look = (schedule: unknown, path: (string | number)[]) => {
    const row = record(schedule) ?? {};
    const delay = parsed(Duration, row['delayReportAfter'], 43_200_000);
    const expire = parsed(Duration, row['expireAfter'], 172_800_000);
    longest = Math.max(longest, expire);
    if (delay >= expire) say([...path, 'delayReportAfter'], 'must be shorter than expireAfter');
  };
  look(root['schedule'], ['schedule']);
  for (const { row, index } of connectors) if (row['schedule'] !== undefined) look(row['schedule'], ['connectors', index, 'schedule']);
  const retention = parsed(Duration, root['contentRetention'], Number.POSITIVE_INFINITY);
  if (retention < longest + 86_400_000) {
    say(['contentRetention'], 'must be a day longer than the longest expireAfter, or mail that still waits loses its content');
  }
  const limits = record(root['limits']) ?? {};
  if (parsed(Size, limits['headerBytes'], 1_048_576) > parsed(Size, limits['messageBytes'], 52_428_800)) {
    say(['limits', 'headerBytes'], 'must not be larger than messageBytes');
  }
}

function unique(list: readonly { row: Row; index: number }[], at: string, key: string, what: string, say: Say): void {
  const first = new Map<string, number>();
  for (const { row, index } of list) {
    const name = row[key];
    if (!isText(name)) continue;
    const before = first.get(name.toLowerCase());
    if (before === undefined) first.set(name.toLowerCase(), index);
    else say([at, index, key], `${what} ${name} is there twice (also ${at}[${before}])`);
  }
}

/** A value the schema would turn into a number; what is absent or wrong counts as `fallback`, since the schema tells of it. */
function parsed(schema: typeof Duration, value: unknown, fallback: number): number {
  const result = schema.safeParse(value);
  return result.success ? result.data : fallback;
}

function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return false;
  const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
  try {
    new BlockList().addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}

function record(value: unknown): Row | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : undefined;
}
function rows(value: unknown): { row: Row; index: number }[] {
  return Array.isArray(value)
    ? value.flatMap((one: unknown, index) => {
        const row = record(one);
        return row === undefined ? [] : [{ row, index }];
      })
    : [];
}
function isText(value: unknown): value is string {
  return typeof value === 'string';
}
function same(a: unknown, b: unknown): boolean {
  return isText(a) && isText(b) && a.toLowerCase() === b.toLowerCase();
}
