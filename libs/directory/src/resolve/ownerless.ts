import { domainOf, smtpMailbox, splitAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { encapsulated } from './address-lookup.ts';
import { failures, type Refusal } from './failures.ts';

/** What becomes of an address that no object of the directory has. */
export type Ownerless =
  | { kind: 'onward' } // by address space: its domain is not ours alone
  | { kind: 'postmaster'; address: string } // the organization's, typed
  | { kind: 'encapsulated'; address: string } // another system's address inside one of ours
  | { kind: 'failure'; failure: Refusal };

/**
 * An address nobody has: what it means depends on whose domain it is.
 *
 * `postmaster` of a domain whose mail ends here, all of it or a part, is never nobody (RFC 5321 §4.5.1): the organization's answers.
 * A domain that is only relayed has a postmaster of its own, where it is relayed to.
 *
 * @param mayUnwrap whoever may not send to other systems must not do so by wrapping their addresses into ours (S1).
 */
export function ownerless(address: string, organization: OrganizationSnapshot, mayUnwrap: boolean): Ownerless {
  const { type } = splitAddress(address);
  if (type === 'EX' || type === 'X500') return { kind: 'failure', failure: failures.unknown };
  if (type !== 'SMTP') return { kind: 'onward' };
  const domain = domainOf(address);
  if (domain === undefined || domain === '') return { kind: 'failure', failure: failures.noDomain };
  const whose = organization.domain(domain)?.type;
  if (whose === 'authoritative' || whose === 'shared') {
    const postmaster = `SMTP:${organization.settings.postmaster}`;
    const local = (smtpMailbox(address) ?? '').replace(/@[^@]*$/, '').toLowerCase();
    if (local === 'postmaster' && address.toLowerCase() !== postmaster.toLowerCase()) return { kind: 'postmaster', address: postmaster };
  }
  if (whose !== 'authoritative') return { kind: 'onward' };
  const inner = mayUnwrap ? encapsulated(address, organization) : undefined;
  if (inner !== undefined && !/^(EX|X500):/.test(inner)) return { kind: 'encapsulated', address: inner };
  return { kind: 'failure', failure: failures.unknown };
}
