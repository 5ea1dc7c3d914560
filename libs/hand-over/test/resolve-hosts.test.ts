import { describe, expect, test } from '@jest/globals';
import { cachedDns, type Dns, type DnsAnswer, type MxRecord } from '../src/dns.ts';
import { parseNextHop } from '../src/next-hop.ts';
import { resolveHosts } from '../src/resolve-hosts.ts';

const found = <T>(...values: T[]): DnsAnswer<T> => ({ kind: 'found', values });
const mx = (preference: number, exchange: string): MxRecord => ({ preference, exchange });
const none = { kind: 'none' } as const;
const unknown = { kind: 'unknown-name' } as const;
const failed = { kind: 'failed', reason: 'ESERVFAIL' } as const;

function dnsOf(zone: { mx?: DnsAnswer<MxRecord>; a?: DnsAnswer<string> }): Dns {
  return {
    mx: () => Promise.resolve(zone.mx ?? none),
    addresses: () => Promise.resolve(zone.a ?? none),
    configuredAddresses: (host) => Promise.resolve(host === 'relay.corp.example' ? found('10.0.0.9') : unknown),
  };
}

interface Row {
  name: string;
  destination?: string;
  configured?: string[];
  zone?: Parameters<typeof dnsOf>[0];
  random?: number[];
  gives: string;
}
const rows: Row[] = [
  {
    name: 'MX by preference',
    zone: { mx: found(mx(20, 'b.example'), mx(10, 'a.example'), mx(30, 'c.example')) },
    gives: 'a.example:25 b.example:25 c.example:25',
  },
  {
    name: 'equals in random order',
    zone: { mx: found(mx(10, 'a.example'), mx(10, 'b.example'), mx(5, 'z.example')) },
    random: [0.9, 0.1, 0.5],
    gives: 'z.example:25 b.example:25 a.example:25',
  },
  {
    name: 'equals in another random order',
    zone: { mx: found(mx(10, 'a.example'), mx(10, 'b.example')) },
    random: [0.1, 0.9],
    gives: 'a.example:25 b.example:25',
  },
  { name: 'no MX: the domain’s own address', zone: { a: found('192.0.2.1') }, gives: 'remote.example:25' },
  { name: 'no MX, no address', zone: {}, gives: '5.1.2 the domain remote.example has neither MX nor address' },
  { name: 'no such domain', zone: { mx: unknown }, gives: '5.1.2 the domain remote.example does not exist' },
  { name: 'null MX', zone: { mx: found(mx(0, '')) }, gives: '5.1.10 the domain remote.example takes no mail (null MX)' },
  { name: 'a null MX beside a real one does not count', zone: { mx: found(mx(0, ''), mx(10, 'a.example')) }, gives: 'a.example:25' },
  {
    name: 'name servers fail',
    zone: { mx: failed },
    gives: 'transient the name servers of remote.example do not answer for its MX (ESERVFAIL)',
  },
  {
    name: 'name servers fail for the address',
    zone: { a: failed },
    gives: 'transient the name servers of remote.example do not answer (ESERVFAIL)',
  },
  {
    name: 'we are among the MX: only better ones',
    zone: { mx: found(mx(10, 'a.example'), mx(20, 'ex1.corp.example'), mx(20, 'c.example'), mx(30, 'd.example')) },
    gives: 'a.example:25',
  },
  {
    name: 'we are the best MX',
    zone: { mx: found(mx(10, 'ex1.corp.example'), mx(20, 'b.example')) },
    gives: '5.4.6 mail for remote.example leads back to this line',
  },
  {
    name: 'we are the domain',
    destination: 'EX1.corp.example',
    zone: { a: found('192.0.2.1') },
    gives: '5.4.6 mail for ex1.corp.example leads back to this line',
  },
  {
    name: 'smart hosts instead of MX, in their order',
    configured: ['relay.corp.example', '10.0.0.2:587', '[10.0.0.3]'],
    zone: { mx: failed },
    gives: 'relay.corp.example:25 10.0.0.2:587 10.0.0.3:25',
  },
  { name: 'brackets: no MX', destination: '[mail.remote.example]', zone: { mx: failed }, gives: 'mail.remote.example:25' },
  { name: 'a port: no MX', destination: '[127.0.0.1]:2526', zone: { mx: failed }, gives: '127.0.0.1:2526' },
  { name: 'an address: no MX', destination: '192.0.2.7', zone: { mx: failed }, gives: '192.0.2.7:25' },
  { name: 'IPv6', destination: '[2001:db8::1]:26', zone: { mx: failed }, gives: '2001:db8::1:26' },
  { name: 'an address literal of IPv6', destination: '[IPv6:2001:db8::1]', gives: '2001:db8::1:25' },
  {
    name: 'an address literal that is this machine',
    destination: '[127.0.0.1]',
    gives: '5.4.6 mail for 127.0.0.1 leads back to this line',
  },
  {
    name: 'a domain in UTF-8',
    destination: 'bücher.example',
    zone: { mx: unknown },
    gives: '5.1.2 the domain xn--bcher-kva.example does not exist',
  },
  { name: 'not a name', destination: 'no such\r\nthing', gives: '5.1.2 no such thing is no name of a host or domain' },
];

test.each(rows)('$name', async ({ destination = 'remote.example', configured = [], zone = {}, random = [], gives }) => {
  const resolve = resolveHosts({ dns: dnsOf(zone), ownNames: ['ex1.corp.example'], configured, random: () => random.shift() ?? 0.5 });
  const hosts = await resolve(destination);
  const told =
    hosts.kind === 'hosts'
      ? hosts.hosts.map(({ name, port }) => `${name}:${port}`).join(' ')
      : hosts.kind === 'permanent'
        ? `${hosts.status} ${hosts.reason}`
        : `transient ${hosts.reason}`;
  expect(told).toBe(gives);
});

describe('addresses', () => {
  const addressesOf = async (options: Partial<Parameters<typeof resolveHosts>[0]>, destination = 'remote.example') => {
    const hosts = await resolveHosts({ dns: dnsOf({}), ownNames: [], ...options })(destination);
    if (hosts.kind !== 'hosts') return hosts;
    return hosts.hosts[0]?.addresses();
  };
  const toUs = dnsOf({ mx: found(mx(10, 'a.example')), a: found('127.0.0.1', '::1', '0.0.0.0', '::ffff:127.0.0.9', '192.0.2.1') });

  test('an MX never leads to this machine', async () => {
    expect(await addressesOf({ dns: toUs })).toEqual(found('192.0.2.1'));
    expect(await addressesOf({ dns: dnsOf({ mx: found(mx(10, 'a.example')), a: found('127.0.0.1') }) })).toEqual(none);
  });
  test('unless it is allowed', async () => {
    expect(await addressesOf({ dns: toUs, allowLoopback: true })).toMatchObject({
      values: ['127.0.0.1', '::1', '0.0.0.0', '::ffff:127.0.0.9', '192.0.2.1'],
    });
  });
  test('a host an operator named may be anywhere, and is looked up in the hosts file', async () => {
    expect(await addressesOf({ configured: ['127.0.0.1:2526'] })).toEqual(found('127.0.0.1'));
    expect(await addressesOf({ configured: ['relay.corp.example'] })).toEqual(found('10.0.0.9'));
  });
});

describe('next hops', () => {
  test.each(['', '[]', 'a b', 'host:0', 'host:65536', 'host:x', '[a', 'a]', 'ho/st'])('%j is none', (text) => {
    expect(parseNextHop(text)).toBeUndefined();
  });
  test.each(['[127.0.0.1]:2526', 'host.example:2526', '10.0.0.1', '[host.example]'])('%j is meant as it stands', (text) => {
    expect(parseNextHop(text)?.direct).toBe(true);
  });
});

describe('the cache', () => {
  const counting = (answers: DnsAnswer<string>[]) => {
    let asked = 0;
    const dns: Dns = { ...dnsOf({}), addresses: () => Promise.resolve(answers[asked++] ?? none) };
    return { dns, asked: () => asked };
  };
  test('asks once for a while, and at the same time only once', async () => {
    let now = 0;
    const { dns, asked } = counting([found('192.0.2.1'), found('192.0.2.2')]);
    const cached = cachedDns(dns, { keepMs: 1_000, now: () => now });
    await Promise.all([cached.addresses('a.example'), cached.addresses('a.example')]);
    now = 999;
    expect(await cached.addresses('a.example')).toEqual(found('192.0.2.1'));
    expect(asked()).toBe(1);
    now = 1_001;
    expect(await cached.addresses('a.example')).toEqual(found('192.0.2.2'));
  });
  test('does not keep a failure', async () => {
    const { dns } = counting([failed, found('192.0.2.1')]);
    const cached = cachedDns(dns);
    expect(await cached.addresses('a.example')).toEqual(failed);
    expect(await cached.addresses('a.example')).toEqual(found('192.0.2.1'));
  });
  test('is bounded', async () => {
    const { dns, asked } = counting([]);
    const cached = cachedDns(dns);
    for (let at = 0; at < 10_001; at++) await cached.addresses(`${at}.example`);
    await cached.addresses('0.example');
    expect(asked()).toBe(10_002);
  });
});
