import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import { type Directory, explainResolution } from '../src/index.ts';
import { fixture } from './fixture.ts';

/** What is expected of a hard case, in nicknames. */
interface Expectation {
  mailboxes?: string[];
  external?: string[];
  ndr?: string;
  ndrFor?: Record<string, string>;
  reportsTo?: string | null;
  expandAt?: string;
}
interface Case {
  id: string;
  to: string | { from?: string; to: string; authenticated?: boolean; sizeKB?: number };
  expect: Expectation;
}

/**
 * One object for each hard case a categorizer must get right, with what is expected of it. All expectations hold as they are, in
 * every directory. The mailboxes are on three servers in three sites, so most of them leave this line: `hops` and `servers` say
 * where to.
 *
 * @param casesFile fixture with the expectations. @param count of cases in it. @param directory asked for when the tests run.
 */
export function hardCases(casesFile: string, count: number, directory: () => Directory): void {
  const { domain, cases } = JSON.parse(readFileSync(fixture(casesFile), 'utf8')) as { domain: string; cases: Case[] }; // our own fixture
  const full = (name: string) => (name.includes('@') || /^[A-Z0-9]+:/.test(name) ? name : `${name}@${domain}`);
  const organization = organizationOf({
    servers: [
      { name: 'EX1', site: 'london' },
      { name: 'EX2', site: 'paris' },
      { name: 'EX3', site: 'rome' },
    ],
  });

  test('there are as many as the generator makes', () => expect(cases).toHaveLength(count));

  test.each(cases)('$id', async ({ to, expect: expected }) => {
    const asked = typeof to === 'string' ? { to } : to;
    const { from = 'plain', authenticated = true, sizeKB = 4 } = typeof to === 'string' ? {} : to;
    const { local, hops, servers, reports } = await explainResolution({
      organization,
      directory: directory(),
      from: full(from),
      authenticated,
      sizeKb: sizeKB,
      addresses: [full(asked.to)],
    });

    const { mailboxes = [], external = [], ndr, ndrFor = {}, reportsTo, expandAt } = expected;
    const elsewhere = hops.filter((hop) => servers[hop.slice('SMTP:'.length)] !== undefined);
    const addressed = full(asked.to);
    if (expandAt === undefined) {
      expect([...local, ...elsewhere.map((hop) => hop.slice('SMTP:'.length))].sort()).toEqual(mailboxes.map(full).sort());
      expect(hops.filter((hop) => !elsewhere.includes(hop)).sort()).toEqual([...external].sort());
    } else {
      expect(hops).toEqual([`SMTP:${addressed}`]);
      expect(servers).toEqual({ [addressed]: expandAt });
    }
    const told = ndr === undefined ? Object.entries(ndrFor).map(([name, status]) => [full(name), status]) : [[addressed, ndr]];
    if (reportsTo === undefined) expect(reports.map(({ recipient, status }) => [recipient, status])).toEqual(told);
    else expect(reports).toEqual([{ recipient: full('loop-a'), status: '5.4.6', to: reportsTo === null ? null : full(reportsTo) }]);
    if (reportsTo === undefined) for (const { to: teller } of reports) expect(teller).toBe(full(from));
  });
}
