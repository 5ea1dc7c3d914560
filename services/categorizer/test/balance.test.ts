import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { AcceptedMail, noHooks } from '@mailrail/contracts';
import { directoryOf, type EntryInput, membershipIn } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import fc from 'fast-check';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

const organization = organizationOf({ limits: { recipientsAfterExpansion: 1_000 } }).current();
const dn = (n: number) => `CN=n${n},OU=Corp`;
const at = (n: number) => `SMTP:n${n}@corp.example`;
const noContent: CategorizeDeps['content'] = {
  read: () => Readable.from([Buffer.from('x')]),
  writer: () => ({
    write: () => undefined,
    commit: async () => ({ ref: 'x', sizeBytes: 1, sha256: 'a'.repeat(64), existed: false }),
    abort: async () => {},
  }),
};

const size = 40;
const someone = fc.nat(size + 5); // some point at nobody
const entry = (n: number): fc.Arbitrary<EntryInput> =>
  fc
    .oneof(
      { weight: 3, arbitrary: fc.constant<EntryInput>({}) },
      { weight: 1, arbitrary: fc.record<EntryInput>({ homeServer: fc.constantFrom('EX1', 'EX9') }) },
      {
        weight: 1,
        arbitrary: fc.tuple(someone, fc.boolean()).map(([to, keep]): EntryInput => ({ altRecipient: dn(to), deliverAndRedirect: keep })),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom<EntryInput>(
          { kind: 'contact', targetAddress: 'SMTP:x@else.test' },
          { kind: 'contact' },
          { kind: 'other', addresses: [at(n)] },
        ),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(fc.array(someone, { maxLength: 160 }), fc.boolean(), fc.boolean()).map(
          ([members, hideMembership, reportToOriginator]): EntryInput => ({
            kind: 'group',
            members: members.map(dn),
            hideMembership,
            reportToOriginator,
          }),
        ),
      },
    )
    .map((more) => ({ dn: dn(n), primary: at(n), ...more }));

/** Works a mail, and what comes back to the same station, until nothing does; then all counts must balance (E5). */
test('the counts balance whatever the directory looks like', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(...Array.from({ length: size }, (_, n) => entry(n))),
      fc.uniqueArray(someone, { minLength: 1, maxLength: 8 }),
      async (entries, to) => {
        const ledger = memoryLedger();
        const directory = directoryOf(entries);
        const deps: CategorizeDeps = {
          directory,
          membership: membershipIn(directory),
          organization,
          ledger,
          content: noContent,
          hooks: noHooks,
          now: 1,
          possibleDuplicate: () => {},
        };
        let waiting = [AcceptedMail.schema.parse({ ...mailTo(to.map(at)), renderedAt: 1, submittedAt: 2 })];
        let gone = 0;
        let mails = 0;
        for (let mail = waiting.shift(); mail !== undefined; mail = waiting.shift()) {
          mails += 1;
          expect(mails).toBeLessThan(500);
          const outcome = await categorize(mail, deps);
          if (outcome.kind !== 'done') throw new Error(outcome.kind);
          for (const emit of outcome.emits) {
            if (emit.kind !== 'mail') throw new Error(emit.kind);
            expect(emit.mail.recipients.length).toBeLessThanOrEqual(100);
            // The report stage counts a recipient's failure once, so no two of a mail may look like one.
            expect(new Set(emit.mail.recipients.map(({ id }) => id)).size).toBe(emit.mail.recipients.length);
            if (emit.station === 'aq.pre-categorization') waiting = [...waiting, AcceptedMail.schema.parse(emit.mail)];
            else gone += emit.mail.recipients.length;
          }
        }
        const counts = await ledger.counts();
        if (counts === 'silent') throw new Error(counts);
        const { members = 0, expanded = 0, merged = 0 } = counts;
        expect(members).toBeGreaterThanOrEqual(0);
        expect(to.length + members).toBe(gone + expanded + merged);
      },
    ),
    { numRuns: 150 },
  );
});
