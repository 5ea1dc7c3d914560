import { createHash } from 'node:crypto';

const maxBytes = 200;

/**
 * The name of a mailbox's folder (S5): its primary address with every byte outside `[a-z0-9@._+=-]` and a leading dot as `%XX`,
 * so that no address can name a path, a hidden file or another mailbox.
 *
 * @param address without type: `ada@corp.example`. Put in lower case, as mailboxes are named.
 * @returns at most 200 characters; for what would be longer, the SHA-256 of the address in hex.
 * @throws RangeError for an empty address: it would name the folder of all mailboxes.
 */
export function mailboxFolder(address: string): string {
  if (address === '') throw new RangeError('a mailbox without an address');
  const lower = address.toLowerCase();
  if (/^[a-z0-9@_+=-][a-z0-9@._+=-]*$/.test(lower) && lower.length <= maxBytes) return lower;
  const bytes = Buffer.from(lower, 'utf8');
  const safe = bytes
    .toString('latin1')
    .replace(/^\.|[^a-z0-9@._+=-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return safe.length <= maxBytes ? safe : createHash('sha256').update(bytes).digest('hex');
}
