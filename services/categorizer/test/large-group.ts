// Expands a group in a process of its own, as the categorizer is one, and says what that cost.
//   node large-group.ts DIRECTORY_URL BIND_DN PASSWORD GROUP_ADDRESS [REDIS_URL]      one line of JSON
// Everything around the resolution is kept small: mails that come of it are counted and dropped.
import { AcceptedMail, noHooks } from '@mailrail/contracts';
import { cachedDirectory, membershipIn, openDirectory, redisCacheStore } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

const [url = '', dn = '', password = '', group = '', redis = ''] = process.argv.slice(2);
const noContent: CategorizeDeps['content'] = {
  read: () => {
    throw new Error('no content is needed here');
  },
  writer: () => {
    throw new Error('no content is needed here');
  },
};
const source = await openDirectory(url, { env: { LDAP_BIND_DN: dn, LDAP_PASSWORD: password }, ldap: { pollMs: 0 } });
const directory = cachedDirectory(source, redis === '' ? undefined : redisCacheStore({ url: redis }));
const organization = organizationOf({
  servers: ['EX1', 'EX2', 'EX3'].map((name) => ({ name, site: 'london' })),
  limits: { recipientsAfterExpansion: 200_000 },
}).current();
const mib = (bytes: number) => Math.round(bytes / 1_048_576);
const before = mib(process.memoryUsage.rss());
const started = performance.now();
const mail = AcceptedMail.schema.parse({ ...mailTo([`SMTP:${group}`]), renderedAt: 1, submittedAt: 2 });
const outcome = await categorize(mail, {
  directory,
  membership: membershipIn(directory),
  organization,
  ledger: memoryLedger(),
  content: noContent,
  hooks: noHooks,
  now: 0,
  possibleDuplicate: () => {},
});
if (outcome.kind !== 'done') throw new Error(outcome.reason);
const chunks = outcome.emits.flatMap((emit) => (emit.kind === 'mail' && emit.station === 'aq.pre-categorization' ? [emit.mail] : []));
const members = new Set(chunks.flatMap(({ recipients }) => recipients.map(({ address }) => address))).size;
const ms = Math.round(performance.now() - started);
const peak = Math.round(process.resourceUsage().maxRSS / 1_024);
process.stdout.write(`${JSON.stringify({ chunks: chunks.length, members, ms, beforeMib: before, peakMib: peak })}\n`);
await directory.close();
