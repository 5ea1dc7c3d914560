import { dnKey } from '../dn.ts';
import type { AddressAttributes } from './address-question.ts';
import type { LdapConnection } from './connection.ts';
import { LdapFailure } from './failure.ts';
import { everything } from './filters.ts';
import { activeDirectoryProfile, attributesOf, type LdapProfile, openLdapProfile } from './ldap-profile.ts';

/** What is known of the server a connection leads to: how to ask it. */
export interface ServerFacts {
  profile: LdapProfile;
  attributes: readonly string[]; // to ask for, of every entry
  addresses: AddressAttributes;
  bases: readonly string[]; // below which addresses are looked up
  contexts: readonly string[]; // below which it has entries
}

/**
 * Finds out how to ask a server. The profile is Active Directory's or OpenLDAP's, as the server says what it is, unless one is
 * configured. Of OpenLDAP the schema is read, and what it does not have is not asked for.
 */
export async function serverFacts(
  connection: LdapConnection,
  configured: { profile: LdapProfile | undefined; bases: readonly string[] | undefined },
  timeoutMs: number,
): Promise<ServerFacts> {
  const { rootDse, server } = connection;
  const profile = configured.profile ?? (rootDse.activeDirectory ? activeDirectoryProfile : openLdapProfile);
  const known = profile.activeDirectory ? undefined : await schemaOf(connection, timeoutMs);
  const isKnown = (attribute: string) => known === undefined || known.has(attribute.toLowerCase());
  const contexts = server.catalog ? [''] : rootDse.namingContexts;
  const own = server.catalog ? [''] : rootDse.defaultNamingContext === undefined ? contexts : [rootDse.defaultNamingContext];
  const bases = configured.bases ?? own;
  if (bases.length === 0) throw new LdapFailure('unreachable', 'the server names no base; LDAP_BASE must');
  return {
    profile,
    attributes: attributesOf(profile).filter(isKnown),
    addresses: {
      typed: profile.addresses.filter(isKnown),
      bare: [...new Set([...profile.mailbox, ...profile.bareAddresses])].filter(isKnown),
      legacy: profile.legacyDn.filter(isKnown),
    },
    bases,
    contexts,
  };
}

/** The attributes a server's schema has, in lower case; `undefined` when it does not show its schema. */
async function schemaOf({ rootDse, search }: LdapConnection, timeoutMs: number): Promise<ReadonlySet<string> | undefined> {
  if (rootDse.subschema === undefined) return undefined;
  try {
    const { entries } = await search(
      { base: rootDse.subschema, scope: 'base', filter: everything, attributes: ['attributeTypes'] },
      timeoutMs,
    );
    const types = entries[0]?.attributes.get('attributetypes') ?? [];
    const names = new Set(['objectclass', 'entryuuid', 'entrydn', 'entrycsn']);
    for (const type of types) {
      const [, one, several] = / NAME (?:'([^']+)'|\(([^)]*)\))/.exec(String(type)) ?? [];
      for (const name of one === undefined ? (several ?? '').matchAll(/'([^']+)'/g) : [['', one]]) names.add((name[1] ?? '').toLowerCase());
    }
    return types.length === 0 ? undefined : names;
  } catch (error) {
    if (error instanceof LdapFailure && error.kind === 'refused') return undefined; // it may keep its schema to itself
    throw error;
  }
}

/** Whether an entry is below a base, or the base itself. Both are keys (`dnKey`). */
export function isBelow(key: string, baseKey: string): boolean {
  return baseKey === '' || key === baseKey || key.endsWith(`,${baseKey}`);
}

/** Where to look for an entry: the base it is below, else the part of the server's tree; `undefined` when the server has no such part. */
export function baseFor(dn: string, { bases, contexts }: ServerFacts): string | undefined {
  const key = dnKey(dn);
  return [...bases, ...contexts].find((base) => isBelow(key, dnKey(base)));
}
