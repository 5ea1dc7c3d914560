import { domainOf } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Entry } from '../port.ts';
import type { Incoming, ReaderWish, WantedForm, Way } from './resolution.ts';

/** The way to an address elsewhere, with what the entry that stands for it says of its reader. */
export function readBy<R extends Incoming>({ richText, bodyFormat }: Entry, way: Way<R>): Way<R> {
  const { reader: _, ...onward } = way;
  if (richText === undefined && bodyFormat === undefined) return onward;
  return { ...onward, reader: { ...(richText === undefined ? {} : { richText }), ...(bodyFormat === undefined ? {} : { bodyFormat }) } };
}

/**
 * What mail for an address of another organization is to be like, as Exchange decided it: about rich text the domain first, and the
 * entry where the domain leaves it to that; about the text the entry first, if it has a wish, then the domain. `undefined`: as it came.
 */
export function wantedForm(address: string, reader: ReaderWish | undefined, organization: OrganizationSnapshot): WantedForm | undefined {
  const domain = domainOf(address);
  const format = domain === undefined ? undefined : organization.messageFormat(domain);
  if (format === undefined && reader === undefined) return undefined;
  const rich = format?.richText ?? 'by-recipient';
  const without: ('tnef' | 'html')[] = [];
  if (rich === 'never' || (rich === 'by-recipient' && reader?.richText === false)) without.push('tnef');
  if ((reader?.bodyFormat ?? format?.body) === 'plain') without.push('html');
  const isSevenBit = format?.transfer === '7bit';
  if (without.length === 0 && !isSevenBit) return undefined;
  return { ...(without.length === 0 ? {} : { without }), ...(isSevenBit ? { transfer: '7bit' } : {}) };
}

/** For the explanation. */
export function wantedText({ without = [], transfer }: WantedForm): string {
  const texts = { tnef: 'without rich text (winmail.dat)', html: 'with the plain text only' };
  return [...without.map((one) => texts[one]), ...(transfer === undefined ? [] : ['in 7 bits'])].join(', ');
}
