// Measures, in a process of its own as a service is one: recipients a second through `categorize` with a warm cache, one core.
//   node warm-rate.ts USERS RECIPIENTS_A_MAIL ROUNDS [REDIS_URL]      a line of JSON for each round
// `process`: everybody is known in the process. `redis` (with a URL): nobody is, every round is that of a pod that just started.
import { AcceptedMail, noHooks } from '@mailrail/contracts';
import { cachedDirectory, directoryOf, membershipIn, redisCacheStore } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

const [usersText = '20000', each = '10', rounds = '5', redis = ''] = process.argv.slice(2);
const users = Number(usersText);
const addresses = Array.from({ length: users }, (_, n) => `u${(n * 7_919) % users}@corp.example`);
let asked = 0;
const inner = directoryOf(addresses);
const source = { ...inner, byAddress: (some: readonly string[]) => ((asked += some.length), inner.byAddress(some)) };
const organization = organizationOf({ servers: [{ name: 'EX1', site: 'london' }] }).current();
const content: CategorizeDeps['content'] = {
  read: () => {
    throw new Error('no content is needed here');
  },
  writer: () => {
    throw new Error('no content is needed here');
  },
};
const store = redis === '' ? undefined : redisCacheStore({ url: redis, readTimeoutMs: 5_000 });
// Two generations: half of the places is what is surely kept.
const open = () => cachedDirectory(source, store, { processMs: 3_600_000, processEntries: 2 * users });
const mails: AcceptedMail[] = [];
for (let at = 0; at < users; at += Number(each)) {
  const to = addresses.slice(at, at + Number(each)).map((address) => `SMTP:${address}`);
  mails.push(AcceptedMail.schema.parse({ ...mailTo(to, { sender: `SMTP:${addresses[0] ?? ''}` }), renderedAt: 1, submittedAt: 2 }));
}

/** 64 mails at once, as the stage's semaphore lets them in. */
async function through(directory: ReturnType<typeof open>): Promise<{ perSecond: number; cpuUs: number }> {
  const deps = {
    directory,
    membership: membershipIn(directory),
    organization,
    ledger: memoryLedger(),
    content,
    hooks: noHooks,
    now: 0,
    possibleDuplicate: () => {},
  };
  let at = 0;
  let local = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      for (let mail = mails[at++]; mail !== undefined; mail = mails[at++]) {
        const outcome = await categorize(mail, deps);
        if (outcome.kind !== 'done') throw new Error(outcome.reason);
        for (const emit of outcome.emits)
          if (emit.kind === 'mail' && emit.station === 'store.local-delivery') local += emit.mail.recipients.length;
      }
    }),
  );
  if (local !== users) throw new Error(`${local} of ${users} delivered`);
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: Math.round((users / (performance.now() - started)) * 1_000), cpuUs: Number(((user + system) / users).toFixed(1)) };
}

const warm = open();
await through(warm);
// What was learned is on its way to the store: it is there when another cache asks the directory nothing.
if (store !== undefined) {
  for (let tries = 0; ; tries += 1) {
    const before = asked;
    await through(open());
    if (asked === before) break;
    if (tries === 20) throw new Error('the store does not keep what it is given');
  }
}
for (let round = 0; round < Number(rounds); round += 1) {
  const before = asked;
  const known = await through(warm);
  const shared = store === undefined ? {} : { redis: await through(open()) };
  if (asked !== before) throw new Error(`the directory was asked ${asked - before} times`);
  process.stdout.write(`${JSON.stringify({ process: known, ...shared })}\n`);
}
await warm.close();
