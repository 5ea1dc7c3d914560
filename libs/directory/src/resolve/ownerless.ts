import { domainOf, smtpMailbox, splitAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { foreignByTemplate } from '../address-mapper.ts';
import { encapsulated } from './address-lookup.ts';
import { failures, type Refusal } from './failures.ts';

/** What becomes of an address that no object of the directory has. */
export type Ownerless =
  | { kind: 'onward' } // by address space: its domain is not ours alone
  | { kind: 'postmaster'; address: string } // the organization's, typed
  | { kind: 'stands-for'; address: string; why: string } // another system's address, by a template or inside one of ours
  | { kind: 'failure'; failure: Refusal };

/**
 * An address nobody has: what it means depends on whose domain it is.
 *
 * `postmaster` of a domain whose mail ends here, all of it or a part, is never nobody (RFC 5321 §4.5.1): the organization's answers.
 * A domain that is only relayed has a postmaster of its own, where it is relayed to.
 *
 * Whoever may write to an address of ours may write to the one it stands for by a template of the organization; but whoever may not
 * send to other systems must not do so by wrapping their addresses into ours (S1).
 *
 * @param options `trusted`: may unwrap; `again`: it may stand for another address, which is looked up in its turn.
 */
export function ownerless(
  address: string,
  organization: OrganizationSnapshot,
  { trusted, again }: { trusted: boolean; again: boolean },
): Ownerless {
  const { type } = splitAddress(address);
  if (type === 'EX' || type === 'X500') return { kind: 'failure', failure: failures.unknown };
  if (type !== 'SMTP') return { kind: 'onward' };
  const domain = domainOf(address);
  if (domain === undefined || domain === '') return { kind: 'failure', failure: failures.noDomain };
  const behind = again ? foreignByTemplate(address, organization) : undefined;
  if (behind !== undefined) return { kind: 'stands-for', address: behind.address, why: behind.why };
  const whose = organization.domain(domain)?.type;
  if (whose === 'authoritative' || whose === 'shared') {
    const postmaster = `SMTP:${organization.settings.postmaster}`;
    const local = (smtpMailbox(address) ?? '').replace(/@[^@]*$/, '').toLowerCase();
    if (local === 'postmaster' && address.toLowerCase() !== postmaster.toLowerCase()) return { kind: 'postmaster', address: postmaster };
  }
  if (whose !== 'authoritative') return { kind: 'onward' };
  const inner = trusted && again ? encapsulated(address, organization) : undefined;
  if (inner !== undefined && !/^(EX|X500):/.test(inner)) return { kind: 'stands-for', address: inner, why: 'encapsulated' };
  return { kind: 'failure', failure: failures.unknown };
}
