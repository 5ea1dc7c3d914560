import { ExtensibleFilter } from 'ldapts';
import { dnKey } from '../dn.ts';
import type { Answer, Entry } from '../port.ts';
import { filtersFor } from './address-question.ts';
import type { RawEntry } from './answers.ts';
import type { LdapConnection } from './connection.ts';
import { LdapFailure, resultCode } from './failure.ts';
import { filterFromText } from './filter-text.ts';
import { anyOf, equals, everything } from './filters.ts';
import { addressedMember, namedMember } from './named-member.ts';
import { baseFor, type ServerFacts } from './server-facts.ts';

/** What a server found; some of an entry's values may be missing yet. */
export interface Finding {
  facts: ServerFacts;
  found: RawEntry[];
}

const inChainRule = '1.2.840.113556.1.4.1941';
const groupsPerQuestion = 20;

/** Who has these addresses; the server may find more than that. @throws LdapFailure unless the answer is complete. */
export async function lookUpAddresses(
  { search }: LdapConnection,
  facts: ServerFacts,
  addresses: readonly string[],
  timeoutMs: number,
): Promise<Finding> {
  const filters = addresses.flatMap((address) => filtersFor(address, facts.addresses));
  if (filters.length === 0) return { facts, found: [] };
  const filter = anyOf(filters);
  const answers = await Promise.all(
    facts.bases.map((base) => search({ base, scope: 'sub', filter, attributes: facts.attributes }, timeoutMs)),
  );
  return { facts, found: answers.flatMap(({ entries }) => entries) };
}

/** The entries of these DNs; what a group names by login or address counts as a DN, too. @throws LdapFailure likewise. */
export async function lookUpDns(
  { search }: LdapConnection,
  facts: ServerFacts,
  dns: readonly string[],
  timeoutMs: number,
): Promise<Finding & { answers(entries: readonly Entry[]): [key: string, entry: Entry][] }> {
  const { profile, attributes } = facts;
  const byBase = new Map<string, string[]>();
  const logins = new Map<string, string>(); // in lower case, to the key of the DN that stands for it
  const addressed: Entry[] = [];
  const asked = new Set<string>();
  for (const dn of dns) {
    const named = namedMember(dn, profile);
    if (named?.kind === 'login') logins.set(named.login.toLowerCase(), dnKey(dn));
    else if (named?.kind === 'address') addressed.push(addressedMember(dn, named.address));
    else {
      const base = baseFor(dn, facts);
      if (base === undefined) continue; // no entry of this server
      asked.add(dnKey(dn));
      byBase.set(base, [...(byBase.get(base) ?? []), dn]);
    }
  }
  const [ownDn] = profile.ownDn;
  const one = async (base: string): Promise<RawEntry[]> => {
    try {
      return (await search({ base, scope: 'base', filter: everything, attributes }, timeoutMs)).entries;
    } catch (error) {
      if (isNobody(error)) return [];
      throw error;
    }
  };
  const work = [...byBase].flatMap(([base, some]) =>
    ownDn === undefined || some.length === 1
      ? some.map(one)
      : [
          search({ base, scope: 'sub', filter: anyOf(some.map((dn) => equals(ownDn, dn))), attributes }, timeoutMs).then(
            ({ entries }) => entries,
          ),
        ],
  );
  const [login] = profile.login;
  const loginWork =
    login === undefined || logins.size === 0
      ? []
      : facts.bases.map((base) =>
          search(
            {
              base,
              scope: 'sub',
              filter: anyOf([...logins.keys()].map((name) => equals(login, name))),
              attributes: [...attributes, login],
            },
            timeoutMs,
          ).then(({ entries }) => entries),
        );
  const found = (await Promise.all([...work, ...loginWork])).flat();
  return {
    facts,
    found,
    answers(entries) {
      const byLogin = new Map<string, Entry | undefined>();
      const answers = addressed.map((entry): [string, Entry] => [dnKey(entry.dn), entry]);
      entries.forEach((entry, index) => {
        const key = dnKey(entry.dn);
        if (asked.has(key)) answers.push([key, entry]);
        if (logins.size === 0 || login === undefined) return;
        for (const value of found[index]?.attributes.get(login.toLowerCase()) ?? []) {
          const standsFor = logins.get(String(value).toLowerCase());
          if (standsFor === undefined) continue;
          const before = byLogin.get(standsFor);
          byLogin.set(standsFor, byLogin.has(standsFor) && before?.id !== entry.id ? undefined : entry); // two with one login: nobody
        }
      });
      for (const [key, entry] of byLogin) if (entry !== undefined) answers.push([key, entry]);
      return answers;
    },
  };
}

/** Whom a query finds, page by page, at most `limit`. Needs the connection for itself. @throws LdapFailure likewise. */
export async function searchBelow(
  { search }: LdapConnection,
  facts: ServerFacts,
  { base, text, limit, pageSize }: { base: string; text: string; limit: number; pageSize: number },
  timeoutMs: number,
): Promise<Answer<Finding & { complete: boolean }>> {
  const parsed = filterFromText(text, facts.profile);
  if (!parsed.ok) return { ok: false, bad: true, reason: parsed.reason };
  const deadline = performance.now() + timeoutMs;
  const found = new Map<string, RawEntry>();
  for (const below of base === '' ? facts.bases : [base]) {
    let cookie: Buffer | undefined;
    do {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new LdapFailure('late', `no complete answer within ${Math.round(timeoutMs)} ms`);
      const page = { size: Math.min(pageSize, limit + 1), cookie };
      const answer = await search({ base: below, scope: 'sub', filter: parsed.filter, attributes: facts.attributes, page }, leftMs);
      for (const entry of answer.entries) found.set(dnKey(entry.dn), entry);
      if (found.size > limit) return { ok: true, value: { facts, found: [...found.values()].slice(0, limit), complete: false } };
      cookie = answer.cookie;
    } while (cookie !== undefined);
  }
  return { ok: true, value: { facts, found: [...found.values()], complete: true } };
}

/** Whether an entry is below any of these groups, asked of Active Directory in one step. @throws LdapFailure likewise. */
export async function isInChain(
  { search }: LdapConnection,
  person: string,
  groups: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  const rules = groups.map((group) => new ExtensibleFilter({ matchType: 'memberOf', rule: inChainRule, value: group }));
  const deadline = performance.now() + timeoutMs;
  for (let at = 0; at < rules.length; at += groupsPerQuestion) {
    const filter = anyOf(rules.slice(at, at + groupsPerQuestion));
    try {
      const question = { base: person, scope: 'base', filter, attributes: ['1.1'] } as const;
      const { entries } = await search(question, Math.max(1, deadline - performance.now()));
      if (entries.length > 0) return true;
    } catch (error) {
      if (isNobody(error)) return false; // who is not there is in no group
      throw error;
    }
  }
  return false;
}

/** A DN that does not exist, and one that is none for the server: nobody has it. */
function isNobody(error: unknown): boolean {
  return error instanceof LdapFailure && (error.code === resultCode.noSuchObject || error.code === resultCode.invalidDnSyntax);
}
