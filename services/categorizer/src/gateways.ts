import type { AcceptedMail, TransferMail } from '@mailrail/contracts';
import type { Hop, Resolution } from '@mailrail/directory';
import { derivedId, noHeader, sameAddress } from '@mailrail/mail';
import { gatewayFor, type OrganizationSnapshot } from '@mailrail/organization';
import type { Resolving } from './recipients.ts';

type Resolved = Extract<Resolution<Resolving>, { kind: 'resolved' }>;

/** A recipient behind a foreign system. */
export interface BehindGateway extends Hop<Resolving> {
  gateway: string;
}

/**
 * Tells recipients behind the gateways of this line from those the router is asked for. Who came in by a gateway and is known to nobody
 * here fails: sent back where he came from, he would come again.
 */
export function toGateways(
  { origin }: AcceptedMail,
  resolution: Resolved,
  { settings }: OrganizationSnapshot,
): { resolution: Resolved; gateways: BehindGateway[] } {
  const gateways: BehindGateway[] = [];
  const hops: Resolved['hops'] = [];
  const reports = [...resolution.reports];
  for (const hop of resolution.hops) {
    const gateway = hop.server === undefined ? gatewayFor(hop.address, settings) : undefined;
    if (gateway === undefined) hops.push(hop);
    else if (gateway.name === origin.gateway && isUntouched(hop)) {
      const reason = `came by gateway ${gateway.name} and is known to nobody here, so it would go back there`;
      reports.push({ way: hop.way, recipient: hop.address, status: '5.4.6', reason });
    } else gateways.push({ ...hop, gateway: gateway.name });
  }
  return gateways.length === 0 && hops.length === resolution.hops.length
    ? { resolution, gateways }
    : { resolution: { ...resolution, hops, reports }, gateways };
}

/** Whether this is the address the sender wrote, through no entry of the directory and no template. */
function isUntouched({ way, address }: Hop<Resolving>): boolean {
  return way.member === undefined && sameAddress(address, way.source.recipient.original);
}

/** The mail as the MTA takes it a second time. */
export function transferMail(mail: AcceptedMail, gateway: string, key: string): TransferMail {
  const { renderedAt, submittedAt: _submitted, suppressAutoReplies: _quiet, ...rest } = mail;
  return {
    ...rest,
    header: mail.header ?? noHeader,
    storedAt: mail.storedAt ?? renderedAt,
    gateway,
    mailId: derivedId(mail.mailId, `categorizer:gateway:${key}`),
    parentId: mail.mailId,
  };
}
