// Measures, in a process of its own as a service is one: recipients resolved a second with nothing known yet, beside what ldapts
// alone reaches on the same server with addresses in batches of 20, four at once (the best way to use it).
//   node cold-rate.ts URL BIND_DN PASSWORD USERS ROUNDS     a line of JSON for each round
import { organizationOf } from '@mailrail/organization';
import { Client, EqualityFilter, OrFilter } from 'ldapts';
import { cachedDirectory, membershipIn, openDirectory, resolveRecipients } from '../src/index.ts';

const [url = '', dn = '', password = '', usersText = '1000', rounds = '5'] = process.argv.slice(2);
const users = Number(usersText);
const addresses = Array.from({ length: users }, (_, n) => `SMTP:u${(n * 7_919) % users}@corp.example`);
const attributes = ['objectClass', 'proxyAddresses', 'mail', 'mailNickname', 'legacyExchangeDN', 'targetAddress', 'homeMDB', 'homeMTA'];
attributes.push(
  'msExchHomeServerName',
  'altRecipient',
  'deliverAndRedirect',
  'member',
  'authOrig',
  'unauthOrig',
  'displayName',
  'entryUUID',
);

async function inTurns(workers: number, size: number, work: (some: string[]) => Promise<void>): Promise<void> {
  let at = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (at < addresses.length) {
        const some = addresses.slice(at, at + size);
        at += size;
        await work(some);
      }
    }),
  );
}

/** Wall time, and CPU of this process: others may use the machine at the same time. */
async function measured(work: () => Promise<void>): Promise<{ perSecond: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: Math.round((users / (performance.now() - started)) * 1_000), cpuUs: Number(((user + system) / users).toFixed(1)) };
}

const client = new Client({ url, timeout: 60_000, connectTimeout: 10_000 });
await client.bind(dn, password);
const ldapts = () =>
  inTurns(4, 20, async (some) => {
    const filter = new OrFilter({ filters: some.map((value) => new EqualityFilter({ attribute: 'proxyAddresses', value })) });
    const { searchEntries } = await client.search('DC=corp,DC=example', { filter, attributes, explicitBufferAttributes: ['objectGUID'] });
    if (searchEntries.length !== some.length) throw new Error(`${searchEntries.length} of ${some.length} found`);
  });

const organization = organizationOf({ servers: ['EX1', 'EX2', 'EX3'].map((name) => ({ name, site: 'london' })) }).current();
const source = await openDirectory(url, {
  env: { LDAP_BIND_DN: dn, LDAP_PASSWORD: password },
  ldap: { pollMs: 0, timeoutMs: 60_000, connectTimeoutMs: 10_000 },
});
const cold = async () => {
  const directory = cachedDirectory(source, undefined, { timeoutMs: 60_000 });
  const membership = membershipIn(directory);
  await inTurns(64, 10, async (some) => {
    const recipients = some.map((address) => ({ address }));
    const resolution = await resolveRecipients(
      { sender: addresses[0] ?? null, recipients, sizeBytes: 4_000, trusted: true, report: false, expandedVia: [] },
      { directory, organization, membership },
    );
    if (resolution.kind !== 'resolved' || resolution.local.length + resolution.hops.length !== some.length)
      throw new Error(JSON.stringify(resolution).slice(0, 300));
  });
};
for (let round = 0; round < Number(rounds); round += 1) {
  const alone = await measured(ldapts);
  const whole = await measured(cold);
  process.stdout.write(`${JSON.stringify({ ldapts: alone, cold: whole })}\n`);
}
await client.unbind();
await source.close();
