import { domainOf, splitAddress } from '@mailrail/mail';
import type { Organization } from './schema.ts';

/**
 * How close an address space is to an address: the length of what they share at the end, an exact match above every wildcard,
 * `TYPE:*` at 0. A wildcard stands for at least one label, so `*.example` holds `a.example` and not `example`.
 *
 * @returns -1 when the address is not in the space.
 */
export function closeness(space: string, address: string): number {
  const { type, value } = splitAddress(space);
  const of = splitAddress(address);
  if (type !== of.type) return -1;
  const pattern = value.toLowerCase();
  if (pattern === '*') return 0;
  const name = type === 'SMTP' ? (domainOf(address) ?? '') : of.value.toLowerCase();
  if (!pattern.startsWith('*')) return name === pattern ? 10_000 + pattern.length : -1;
  const tail = pattern.slice(1);
  return name.length > tail.length && name.endsWith(tail) ? tail.length : -1;
}

/** Ways out of a line, each with a queue of its own: connectors, and folder gateways with something behind them. */
export interface WayOut {
  name: string;
  kind: 'smtp' | 'routing-group' | 'foreign';
}

/** Every way out of an organization's line: what its queues, processes and workloads are made from. */
export function waysOut({ connectors, gateways }: Pick<Organization, 'connectors' | 'gateways'>): WayOut[] {
  return [
    ...connectors.map(({ name, kind }) => ({ name, kind })),
    ...gateways.flatMap((one) =>
      one.kind === 'folder' && one.addressSpaces.length > 0 ? [{ name: one.name, kind: 'foreign' as const }] : [],
    ),
  ];
}

/**
 * The gateway an address lies behind, by the closest address space of all ways out, then the cheapest; of equals gateways come before
 * connectors, and go by name.
 *
 * @returns `undefined` when the address lies behind none, or a connector is closer.
 */
export function gatewayFor(address: string, { connectors, gateways }: Organization): { name: string; space: string } | undefined {
  let best: { name: string; space: string; cost: number; found: number } | undefined;
  for (const gateway of gateways) {
    if (gateway.kind !== 'folder') continue;
    for (const { space, cost } of gateway.addressSpaces) {
      const found = closeness(space, address);
      if (found < 0) continue;
      const isBetter =
        best === undefined ||
        found > best.found ||
        (found === best.found && (cost < best.cost || (cost === best.cost && gateway.name < best.name)));
      if (isBetter) best = { name: gateway.name, space, cost, found };
    }
  }
  if (best === undefined) return undefined;
  for (const connector of connectors) {
    if (connector.kind !== 'smtp') continue;
    for (const { space, cost } of connector.addressSpaces) {
      const found = closeness(space, address);
      if (found > best.found || (found === best.found && cost < best.cost)) return undefined;
    }
  }
  return { name: best.name, space: best.space };
}
