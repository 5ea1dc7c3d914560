import type { Organization } from '@mailrail/organization';

/**
 * What it costs to come from one site to another over the links of the organization file (Dijkstra): 0 from a site to itself.
 *
 * @returns `undefined` when no links lead there.
 */
export function costBetween(from: string, to: string, links: Organization['siteLinks']): number | undefined {
  const costs = new Map([[from, 0]]);
  const done = new Set<string>();
  for (;;) {
    const [nearest] = [...costs].filter(([site]) => !done.has(site)).toSorted(([, a], [, b]) => a - b);
    if (nearest === undefined) return undefined;
    const [site, cost] = nearest;
    if (site === to) return cost;
    done.add(site);
    for (const link of links) {
      if (link.from !== site) continue;
      const known = costs.get(link.to);
      if (known === undefined || cost + link.cost < known) costs.set(link.to, cost + link.cost);
    }
  }
}
