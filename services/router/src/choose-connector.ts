import { domainOf } from '@mailrail/mail';
import { closeness, type ConnectorSettings, type Organization } from '@mailrail/organization';
import { costBetween } from './site-path.ts';

/** One recipient as the router sees it. */
export interface Routable {
  address: string; // typed
  targetSite?: string | undefined; // a site of the organization, when the categorizer found a mailbox or group there
  targetServer?: string | undefined; // its server; another one of this site is reached by a connector, too
  sizeBytes: number;
}

export type Choice =
  | { kind: 'connector'; connector: string; destination: string; routedBy: string }
  /** Nothing leads there: what its sender is told (RFC 3463). */
  | { kind: 'unroutable'; status: '5.3.4' | '5.4.4'; reason: string };

type SmtpConnector = Extract<ConnectorSettings, { kind: 'smtp' }>;

/**
 * The next hop of one recipient, by Exchange's order: another site by a connector that leads to it; everything else by address
 * space: what may not carry a message of this size is left out, then only the closest match counts (cost never outweighs
 * closeness), then the cheapest. Equal ones go by name, so that every pod decides alike.
 */
export function chooseConnector({ address, targetSite, targetServer, sizeBytes }: Routable, settings: Organization): Choice {
  // An address of ours must not go by address space to wherever others are sent: not to another site, nor to another server here.
  const isOther = targetServer !== undefined && targetServer.toLowerCase() !== settings.server.toLowerCase();
  if (targetSite !== undefined && (targetSite !== settings.site || isOther)) return toSite(targetSite, sizeBytes, settings);
  const matches = settings.connectors
    .filter((connector): connector is SmtpConnector => connector.kind === 'smtp')
    .flatMap((connector) =>
      connector.addressSpaces.map(({ space, cost }) => ({ connector, space, cost, closeness: closeness(space, address) })),
    )
    .filter(({ closeness: found }) => found >= 0);
  if (matches.length === 0) return { kind: 'unroutable', status: '5.4.4', reason: 'no connector has an address space for it' };
  const fitting = matches.filter(({ connector }) => fits(connector, sizeBytes));
  if (fitting.length === 0) return { kind: 'unroutable', status: '5.3.4', reason: 'larger than every connector for it may carry' };
  const [best] = fitting.toSorted(
    (one, other) => other.closeness - one.closeness || one.cost - other.cost || (one.connector.name < other.connector.name ? -1 : 1),
  );
  if (best === undefined) return { kind: 'unroutable', status: '5.4.4', reason: 'no connector has an address space for it' };
  const destination = best.connector.smartHosts[0] ?? domainOf(address);
  if (destination === undefined || destination === '') {
    return {
      kind: 'unroutable',
      status: '5.4.4',
      reason: `connector ${best.connector.name} finds hosts by domain, and the address has none`,
    };
  }
  return { kind: 'connector', connector: best.connector.name, destination, routedBy: `${best.space} cost ${best.cost}` };
}

/** By the connector the whole way is cheapest over: its own cost, then the links of the sites behind it. */
function toSite(site: string, sizeBytes: number, { connectors, siteLinks, site: own }: Organization): Choice {
  // A way over our own site would be a circle.
  const links = siteLinks.filter(({ from, to }) => from !== own && to !== own);
  const leading = connectors
    .filter((connector) => connector.kind === 'routing-group')
    .flatMap((connector) => {
      const onward = connector.site === own && site !== own ? undefined : costBetween(connector.site, site, links);
      return onward === undefined ? [] : [{ connector, cost: connector.cost + onward }];
    });
  if (leading.length === 0) return { kind: 'unroutable', status: '5.4.4', reason: `no connector leads to site ${site}` };
  const [best] = leading
    .filter(({ connector }) => fits(connector, sizeBytes))
    .toSorted((one, other) => one.cost - other.cost || (one.connector.name < other.connector.name ? -1 : 1));
  const destination = best?.connector.bridgeheads[0];
  if (best === undefined || destination === undefined) {
    return { kind: 'unroutable', status: '5.3.4', reason: `larger than every connector to site ${site} may carry` };
  }
  const via = best.connector.site === site ? '' : ` via ${best.connector.site}`;
  return { kind: 'connector', connector: best.connector.name, destination, routedBy: `site ${site}${via} cost ${best.cost}` };
}

function fits({ maxMessageBytes }: ConnectorSettings, sizeBytes: number): boolean {
  return maxMessageBytes === undefined || sizeBytes <= maxMessageBytes;
}
