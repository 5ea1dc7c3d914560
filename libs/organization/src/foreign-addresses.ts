import { parseTemplatePair, type TemplatePair } from '@mailrail/mail';
import type { OrganizationSnapshot } from './snapshot.ts';

/** A pair of templates, and whose addresses it is about. */
export interface PeoplesPair extends TemplatePair {
  people: 'theirs' | 'ours';
}

const pairs = new WeakMap<OrganizationSnapshot, readonly PeoplesPair[]>();

/** The templates of an organization, read once for each state of its file. */
export function templatePairsOf(organization: OrganizationSnapshot): readonly PeoplesPair[] {
  const known = pairs.get(organization);
  if (known !== undefined) return known;
  const read = organization.settings.addressTemplates.flatMap((written) => {
    const pair = parseTemplatePair(written);
    return pair.ok ? [{ ...pair.value, people: written.people }] : []; // the file was refused for such
  });
  pairs.set(organization, read);
  return read;
}

/** Addresses of other systems are encapsulated at the first domain that is all ours, so that answers to them come back here. */
export function domainForForeign({ settings, hostname }: OrganizationSnapshot): string {
  return settings.domains.find(({ type }) => type === 'authoritative')?.name ?? hostname;
}
