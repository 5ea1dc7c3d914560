import type { RawEntry } from './answers.ts';

/** What a server says about itself (RFC 4512 §5.1). */
export interface RootDse {
  activeDirectory: boolean; // or Samba as one
  namingContexts: readonly string[]; // DNs below which the server has entries
  defaultNamingContext: string | undefined;
  configurationContext: string | undefined;
  subschema: string | undefined; // DN of the schema's entry
  /** Which server it is, for numbers that only count there; `undefined` when it has no name. */
  identity: string | undefined;
  highestUsn: bigint | undefined; // Active Directory: number of the latest change
  synchronized: boolean; // false while a domain controller is behind after a start
}

export const rootDseAttributes = [
  'namingContexts',
  'defaultNamingContext',
  'configurationNamingContext',
  'subschemaSubentry',
  'supportedCapabilities',
  'dsServiceName',
  'highestCommittedUSN',
  'isSynchronized',
];

const isActiveDirectory = '1.2.840.113556.1.4.800';

export function rootDseOf(entry: RawEntry | undefined): RootDse {
  const all = (name: string) => (entry?.attributes.get(name.toLowerCase()) ?? []).filter((value) => typeof value === 'string');
  const one = (name: string) => all(name)[0];
  const usn = one('highestCommittedUSN');
  return {
    activeDirectory: all('supportedCapabilities').includes(isActiveDirectory),
    namingContexts: all('namingContexts'),
    defaultNamingContext: one('defaultNamingContext'),
    configurationContext: one('configurationNamingContext'),
    subschema: one('subschemaSubentry'),
    identity: one('dsServiceName'),
    highestUsn: usn !== undefined && /^\d{1,19}$/.test(usn) ? BigInt(usn) : undefined,
    synchronized: one('isSynchronized')?.toUpperCase() !== 'FALSE',
  };
}
