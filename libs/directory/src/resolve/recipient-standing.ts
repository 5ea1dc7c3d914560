import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Directory } from '../port.ts';
import { ownersIn, spellings, withPostmaster } from './address-lookup.ts';
import { ownerless } from './ownerless.ts';

/** `unknown`: the categorizer would fail it with 5.1.1, since nobody has it. `unanswered` is never taken for that (design invariant 7). */
export type RecipientStanding = 'known' | 'unknown' | 'unanswered';

/** Addresses one recipient may stand for on the way to somebody: an encapsulated one, the postmaster. */
const maxSteps = 4;

/**
 * Whether the categorizer would find anybody, or a way onward, for a recipient. Only that: what forwarding leads to, restrictions,
 * limits and the members of groups are the categorizer's, who knows the whole mail.
 *
 * @param address typed.
 * @param trusted whether who sends is inside (S1).
 */
export async function recipientStanding(
  address: string,
  trusted: boolean,
  { directory, organization }: { directory: Pick<Directory, 'byAddress'>; organization: OrganizationSnapshot },
): Promise<RecipientStanding> {
  let asked = withPostmaster(address, organization);
  for (let step = 0; step < maxSteps; step++) {
    const candidates = spellings(asked, organization);
    const found = await directory.byAddress(candidates);
    if (!found.ok) return 'unanswered';
    if (ownersIn(found.value, candidates).length > 0) return 'known';
    const means = ownerless(asked, organization, { trusted, again: true });
    if (means.kind === 'onward') return 'known';
    if (means.kind === 'failure') return means.failure.status === '5.1.1' ? 'unknown' : 'known';
    asked = means.address;
  }
  return 'known';
}
