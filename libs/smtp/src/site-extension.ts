/**
 * XMAILRAIL, the private extension between the sites of one organization: one MAIL parameter that carries the identity of a mail.
 *
 * `XMAILRAIL=<root id>,<mail id>,<hop>,<traceparent>,<trust>`
 *
 * A server offers the keyword only to a peer that has proved who it is; a client sends the parameter only where it was offered.
 */
export interface SiteParameters {
  rootId: string;
  mailId: string;
  /** Sites passed when the mail has arrived, this hand-over included. */
  hop: number;
  traceparent: string;
  /** How the mail came into the organization; absent means `outside`. A peer may send everything, but that makes no sender trusted. */
  trust?: SiteTrust;
}
export type SiteTrust = 'authenticated' | 'inside' | 'outside';

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const form = new RegExp(`^(${uuid}),(${uuid}),(\\d{1,3}),(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}),(authenticated|inside|outside)$`);

export function formatSite({ rootId, mailId, hop, traceparent, trust = 'outside' }: SiteParameters): string {
  return `${rootId},${mailId},${hop},${traceparent},${trust}`;
}

/** @returns undefined when the value has not the form above, or a hop beyond 255. */
export function parseSite(value: string): SiteParameters | undefined {
  const found = form.exec(value);
  if (found === null) return undefined;
  const [, rootId = '', mailId = '', hop = '', traceparent = '', trust = ''] = found;
  if (Number(hop) > 255 || (trust !== 'authenticated' && trust !== 'inside' && trust !== 'outside')) return undefined;
  return { rootId, mailId, hop: Number(hop), traceparent, trust };
}
