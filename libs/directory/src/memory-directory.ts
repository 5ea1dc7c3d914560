import { smtpAddress, smtpMailbox } from '@mailrail/mail';
import { directoryIndex, type Listed } from './directory-index.ts';
import { idOfDn } from './entry.ts';
import { activeDirectory } from './entry-profile.ts';
import type { Directory, Entry } from './port.ts';

/** What differs from a mailbox on server EX1; `attributes` are what filters may ask for, beside those the entry itself says. */
export type EntryInput = Partial<Omit<Entry, 'restrictions'>> & {
  restrictions?: Partial<Entry['restrictions']>;
  attributes?: Readonly<Record<string, readonly string[]>>;
};

/**
 * An entry for tests: a mailbox on server EX1 unless it says otherwise.
 *
 * @param input a bare address (`ada@corp.example`) or what differs. The DN is `CN=<local part>,OU=Corp` when it is not given.
 */
export function testEntry(input: string | EntryInput): Entry {
  const { restrictions, attributes: _, ...given } = typeof input === 'string' ? { primary: smtpAddress(input) } : input;
  const primary = given.primary ?? given.addresses?.find((address) => address.startsWith('SMTP:'));
  const name = primary === undefined ? 'nobody' : (smtpMailbox(primary)?.split('@')[0] ?? 'nobody');
  const dn = given.dn ?? `CN=${name.replace(/[,+"\\<>;=#]/g, (character) => `\\${character}`)},OU=Corp`;
  const kind = given.kind ?? 'mailbox';
  return {
    id: idOfDn(dn),
    dn,
    kind,
    deliverAndRedirect: false,
    members: [],
    hideMembership: false,
    reportToOwner: false,
    reportToOriginator: kind === 'group' || kind === 'query-group',
    suppressOof: false,
    ...(kind === 'mailbox' ? { homeServer: 'EX1' } : {}),
    ...(primary === undefined ? {} : { primary, nickname: name }),
    ...given,
    addresses: given.addresses ?? (primary === undefined ? [] : [primary]),
    restrictions: {
      acceptFrom: [],
      rejectFrom: [],
      acceptMembersOf: [],
      rejectMembersOf: [],
      requireAuthentication: false,
      ...restrictions,
    },
  };
}

/** A directory in memory for tests: bare addresses are mailboxes on server EX1. */
export function directoryOf(entries: readonly (string | EntryInput)[] = []): Directory {
  const index = directoryIndex(
    entries.map((input): Listed => {
      const entry = testEntry(input);
      const own: [string, string[]][] = [
        [activeDirectory.nickname[0] ?? '', entry.nickname === undefined ? [] : [entry.nickname]],
        [activeDirectory.addresses[0] ?? '', entry.addresses],
      ];
      const given = typeof input === 'string' ? [] : Object.entries(input.attributes ?? {});
      const attributes = [...own, ...given]
        .filter(([, values]) => values.length > 0)
        .map(([name, values]) => [name.toLowerCase(), values] as const);
      return { entry, attributes: new Map(attributes) };
    }),
  );
  return {
    byAddress: async (addresses) => ({ ok: true, value: index.byAddress(addresses) }),
    byDn: async (dns) => ({ ok: true, value: index.byDn(dns) }),
    search: (base, filter, limit) => index.search(base, filter, limit),
    probe: async () => ({ ok: true, value: undefined }),
    close: async () => {},
  };
}

/** A directory that does not answer. */
export const directoryDown: Directory = {
  byAddress: async () => down,
  byDn: async () => down,
  search: async () => down,
  probe: async () => down,
  close: async () => {},
};
const down = { ok: false, reason: 'does not answer' } as const;
