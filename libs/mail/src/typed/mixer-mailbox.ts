import { parseX400, x400Semicolons, x400Slashes } from './x400.ts';

/**
 * An X.400 address as a mailbox of a gateway of ours, RFC 2156 §4.3: its slash form is the local part, in quotes because of the
 * blank in `ADMD= `. For gateways that speak MIXER; mailboxes for people are better made by a template.
 *
 * @returns `undefined` for what is no X.400 address.
 */
export function mixerMailbox(value: string, domain: string): string | undefined {
  const read = parseX400(value);
  if (!read.ok) return undefined;
  const slashes = x400Slashes(read.value);
  const local = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+$/.test(slashes) ? slashes : `"${slashes.replaceAll(/["\\]/g, '\\$&')}"`;
  return `${local}@${domain}`;
}

/** @param localPart quotes included. @returns the typed X.400 address in it, or `undefined`. */
export function mixerAddress(localPart: string): string | undefined {
  const plain = localPart.startsWith('"') && localPart.endsWith('"') ? localPart.slice(1, -1).replaceAll(/\\(.)/g, '$1') : localPart;
  if (!plain.startsWith('/')) return undefined;
  const read = parseX400(plain);
  return read.ok ? `X400:${x400Semicolons(read.value)}` : undefined;
}
