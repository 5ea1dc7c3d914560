import {
  addressesByPair,
  addressKey,
  foreignByPair,
  imceaMailbox,
  internetByPair,
  type PersonNames,
  smtpAddress,
  splitAddress,
  type TemplatePair,
} from '@mailrail/mail';
import { domainForForeign, type OrganizationSnapshot, templatePairsOf } from '@mailrail/organization';
import type { Answer, Directory, Entry } from './port.ts';
import { encapsulated, ownersIn, spellings } from './resolve/address-lookup.ts';

/** An address as others know it, and by what it became that. */
export interface MappedAddress {
  address: string; // typed
  how: 'as-is' | 'proxy' | 'template' | 'encapsulated';
  why: string; // a clause for a person
}

/**
 * Addresses between foreign systems and Internet mail: by the directory's proxy address, else by a template of the organization, else
 * encapsulated. Each of the three leads back, so that a reply finds its way.
 */
export interface AddressMapper {
  /** As Internet mail knows them: `SMTP:` each. Keyed by the address given. */
  inward(addresses: readonly string[]): Promise<Answer<Map<string, MappedAddress>>>;
  /** As a system of this type knows them (`GWISE`, `MS`); where it has no form of its own for somebody, his Internet address. */
  outward(addresses: readonly string[], type: string): Promise<Answer<Map<string, MappedAddress>>>;
}

export interface AddressMapperDeps {
  organization: OrganizationSnapshot;
  /** Without one there are only templates and encapsulation. */
  directory?: Pick<Directory, 'byAddress'> | undefined;
}

export function addressMapper({ organization, directory }: AddressMapperDeps): AddressMapper {
  const pairs = templatePairsOf(organization);

  async function owners(addresses: readonly string[]): Promise<Answer<(address: string) => Entry | undefined>> {
    const asked = new Set(addresses.flatMap((address) => spellings(address, organization)));
    if (directory === undefined || asked.size === 0) return { ok: true, value: () => undefined };
    const found = await directory.byAddress([...asked]);
    if (!found.ok) return found;
    return {
      ok: true,
      value: (address) => {
        const all = ownersIn(found.value, spellings(address, organization));
        return all.length === 1 ? all[0] : undefined; // an address of two is nobody's
      },
    };
  }

  const mapAll = async (
    addresses: readonly string[],
    map: (address: string, owner: Entry | undefined) => MappedAddress,
    isAsked: (address: string) => boolean,
  ): Promise<Answer<Map<string, MappedAddress>>> => {
    const known = await owners(addresses.filter(isAsked));
    if (!known.ok) return known;
    return { ok: true, value: new Map(addresses.map((address) => [address, map(address, known.value(address))])) };
  };

  return {
    inward: (addresses) =>
      mapAll(
        addresses,
        (address, owner) => inward(address, owner, pairs, organization),
        (address) => !isInternet(address),
      ),
    outward: (addresses, type) =>
      mapAll(
        addresses,
        (address, owner) => outward(address, type, owner, pairs, organization),
        (address) => splitAddress(address).type !== type,
      ),
  };
}

/** A foreign address as Internet mail knows it, as far as that can be said without the directory. */
export function internetAddress(address: string, organization: OrganizationSnapshot): MappedAddress {
  return inward(address, undefined, templatePairsOf(organization), organization);
}

function inward(
  address: string,
  owner: Entry | undefined,
  pairs: readonly TemplatePair[],
  organization: OrganizationSnapshot,
): MappedAddress {
  const { type, value } = splitAddress(address);
  if (type === 'SMTP') return { address: smtpAddress(value), how: 'as-is', why: 'it is an Internet address' };
  if (owner?.primary !== undefined)
    return { address: owner.primary, how: 'proxy', why: `${nameOf(owner)} has this address in the directory` };
  const templated = internetByTemplate(`${type}:${value}`, pairs);
  if (templated !== undefined) return templated;
  const domain = domainForForeign(organization);
  return {
    address: `SMTP:${imceaMailbox(`${type}:${value}`, domain)}`,
    how: 'encapsulated',
    why: `neither the directory nor a template knows it, so it is encapsulated at ${domain}`,
  };
}

function outward(
  given: string,
  type: string,
  owner: Entry | undefined,
  pairs: readonly TemplatePair[],
  organization: OrganizationSnapshot,
): MappedAddress {
  const inside = encapsulated(given, organization);
  const address = inside ?? given;
  if (splitAddress(address).type === type) {
    return inside === undefined
      ? { address, how: 'as-is', why: `it is an address of type ${type}` }
      : { address, how: 'encapsulated', why: 'it was encapsulated in an address of ours' };
  }
  const proxy = [...(owner?.addresses ?? []), ...(owner?.targetAddress === undefined ? [] : [owner.targetAddress])].find(
    (one) => splitAddress(one).type === type,
  );
  if (owner !== undefined && proxy !== undefined) {
    return { address: proxy, how: 'proxy', why: `${nameOf(owner)} has this address in the directory` };
  }
  const internet = isInternet(address) ? address : inward(address, owner, pairs, organization).address;
  for (const pair of pairs) {
    if (pair.foreign.type !== type) continue;
    const both = owner === undefined ? undefined : addressesByPair(pair, namesOf(owner));
    const isHis = both !== undefined && owner?.addresses.some((one) => addressKey(one) === addressKey(both.internet)) === true;
    const made = isHis ? both.foreign : foreignByPair(pair, internet);
    if (made !== undefined) return { address: made, how: 'template', why: templateText(pair) };
  }
  return {
    address: internet,
    how: 'encapsulated',
    why: `neither the directory nor a template has an address of type ${type}: his Internet address`,
  };
}

/** A foreign address by the first template that has it. */
function internetByTemplate(address: string, pairs: readonly TemplatePair[]): MappedAddress | undefined {
  for (const pair of pairs) {
    const made = internetByPair(pair, address);
    if (made !== undefined) return { address: made, how: 'template', why: templateText(pair) };
  }
  return undefined;
}

/**
 * The foreign address an Internet address of a domain of ours stands for, by a template for people of a foreign system.
 *
 * @param address typed.
 */
export function foreignByTemplate(address: string, organization: OrganizationSnapshot): MappedAddress | undefined {
  for (const pair of templatePairsOf(organization)) {
    if (pair.people === 'ours') continue; // whom the directory does not know is nobody of ours
    const made = foreignByPair(pair, address);
    if (made !== undefined) return { address: made, how: 'template', why: templateText(pair) };
  }
  return undefined;
}

function templateText({ foreign, domain }: TemplatePair): string {
  return `by the template of type ${foreign.type} for ${domain}`;
}

function isInternet(address: string): boolean {
  return splitAddress(address).type === 'SMTP';
}

function nameOf({ displayName, primary, dn }: Entry): string {
  return displayName ?? primary ?? dn;
}

function namesOf(entry: Entry): PersonNames {
  const local = entry.primary?.slice('SMTP:'.length).replace(/@[^@]*$/, '') ?? '';
  return {
    alias: entry.nickname ?? local,
    ...(entry.givenName === undefined ? {} : { given: entry.givenName }),
    ...(entry.surname === undefined ? {} : { surname: entry.surname }),
    ...(entry.initials === undefined ? {} : { initials: entry.initials }),
    ...(entry.displayName === undefined ? {} : { display: entry.displayName }),
  };
}
