/**
 * Typed addresses: `TYPE:value`, as Exchange wrote proxy addresses. `SMTP:ada@corp.example`, `X400:c=us;a= ;p=Corp;s=Lovelace`.
 * Everywhere past the edge an address is such a string; only the edges know bare SMTP mailboxes.
 */

/** The typed form of an SMTP mailbox. The domain is put in lower case, the local part stays as it was given (RFC 5321 §2.4). */
export function smtpAddress(mailbox: string): string {
  const at = mailbox.lastIndexOf('@');
  return at < 0 ? `SMTP:${mailbox}` : `SMTP:${mailbox.slice(0, at)}@${mailbox.slice(at + 1).toLowerCase()}`;
}

/** Type and value of a typed address; the type in upper case. @throws RangeError for text without a type: a caller's bug. */
export function splitAddress(address: string): { type: string; value: string } {
  const colon = address.indexOf(':');
  if (colon < 1) throw new RangeError('an address needs a type');
  return { type: address.slice(0, colon).toUpperCase(), value: address.slice(colon + 1) };
}

/** The mailbox of an SMTP address, `undefined` for any other type. */
export function smtpMailbox(address: string): string | undefined {
  return address.startsWith('SMTP:') || address.startsWith('smtp:') ? address.slice(5) : undefined;
}

/** The domain of an SMTP address in lower case, `undefined` for other types and for a mailbox without a domain. */
export function domainOf(address: string): string | undefined {
  const mailbox = smtpMailbox(address);
  if (mailbox === undefined) return undefined;
  const at = mailbox.lastIndexOf('@');
  return at < 0 ? undefined : mailbox.slice(at + 1).toLowerCase();
}

/** Needs no normalization, which costs more than this test; nearly all addresses are such. */
const ascii = /^[\u0020-\u007e]*$/;
/** Is its own key, as most addresses are: no copy is made. */
const isKey = /^[A-Z0-9-]+:[\u0020-@[-~]*$/;

/** The form two addresses are compared in: type in upper case, value in NFC and lower case (the directory ignores case, too). */
export function addressKey(address: string): string {
  if (isKey.test(address)) return address;
  const { type, value } = splitAddress(address);
  return `${type}:${(ascii.test(value) ? value : value.normalize('NFC')).toLowerCase()}`;
}
