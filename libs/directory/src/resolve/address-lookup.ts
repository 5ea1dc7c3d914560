import { addressKey, domainOf, imceaAddress, orderedX400, smtpMailbox, splitAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Entry } from '../port.ts';

/**
 * The spellings a directory may know an address by, the given one first: X.400 attributes in Exchange's order, `EX:` and `X500:`
 * for each other, and what is encapsulated in a mailbox of ours (IMCEA, MS-OXCMAIL 2.1.3.1.8).
 */
export function spellings(address: string, organization: OrganizationSnapshot): string[] {
  const { type, value } = splitAddress(address);
  switch (type) {
    case 'SMTP': {
      const inner = encapsulated(address, organization);
      const unquoted = withoutQuotes(value);
      return [
        address,
        ...(unquoted === undefined ? [] : [`SMTP:${unquoted}`]),
        ...(inner === undefined || inner.startsWith('SMTP:') ? [] : spellings(inner, organization)),
      ];
    }
    case 'X400': {
      const ordered = orderedX400(value);
      return ordered === undefined || ordered === value ? [address] : [address, `X400:${ordered}`];
    }
    case 'EX':
      return [address, `X500:${value}`];
    case 'X500':
      return [address, `EX:${value}`];
    default:
      return [address];
  }
}

/** `"ada"@corp.example` and `ada@corp.example` are one mailbox (RFC 5321 §4.1.2). */
function withoutQuotes(mailbox: string): string | undefined {
  if (!mailbox.startsWith('"')) return undefined;
  const [, local, domain] = /^"((?:[^"\\]|\\.)*)"(@[^@]*)$/s.exec(mailbox) ?? [];
  return local === undefined || domain === undefined ? undefined : `${local.replace(/\\(.)/gs, '$1')}${domain}`;
}

/** The address inside `IMCEA<type>-<encoded>@<domain of ours>`; only for our own domains, for others it is theirs to read. */
export function encapsulated(address: string, organization: OrganizationSnapshot): string | undefined {
  const mailbox = smtpMailbox(address);
  if (mailbox === undefined || !/^imcea/i.test(mailbox)) return undefined;
  const domain = domainOf(address);
  if (domain === undefined || organization.domain(domain) === undefined) return undefined;
  const inner = imceaAddress(mailbox.slice(0, mailbox.lastIndexOf('@')));
  return inner === undefined || !/^[A-Z0-9-]{1,16}:[^\r\n\0]+$/.test(inner) ? undefined : inner;
}

/** Owners of the first spelling that has any; of several, those that are mail-enabled. */
export function ownersIn(found: ReadonlyMap<string, Entry[]>, candidates: readonly string[]): Entry[] {
  for (const candidate of candidates) {
    const owners = found.get(addressKey(candidate)) ?? [];
    if (owners.length === 1) return owners;
    const enabled = owners.filter(({ mailAlone }) => mailAlone !== true);
    if (enabled.length > 0) return enabled;
    if (owners.length > 0) return owners.slice(0, 1); // none of them gets mail anyway
  }
  return [];
}

/** `<postmaster>` without a domain is the organization's (RFC 5321 §4.5.1). */
export function withPostmaster(address: string, organization: OrganizationSnapshot): string {
  return address.toLowerCase() === 'smtp:postmaster' ? `SMTP:${organization.settings.postmaster}` : address;
}
