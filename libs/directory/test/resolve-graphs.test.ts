import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { organizationOf } from '@mailrail/organization';
import { directoryOf, type EntryInput, resolveRecipients } from '../src/index.ts';

const organization = organizationOf().current();
const dn = (n: number) => `CN=n${n},OU=Corp`;
const at = (n: number) => `SMTP:n${n}@corp.example`;

type Node =
  | { kind: 'box' }
  | { kind: 'forward'; to: number; keep: boolean }
  | { kind: 'contact'; to: number }
  | { kind: 'group'; members: number[] };

function graphOf(size: number): fc.Arbitrary<Node[]> {
  const node = fc.nat(size - 1);
  const one = fc.oneof(
    fc.constant<Node>({ kind: 'box' }),
    fc.record({ kind: fc.constant('forward' as const), to: node, keep: fc.boolean() }),
    fc.record({ kind: fc.constant('contact' as const), to: node }),
    fc.record({ kind: fc.constant('group' as const), members: fc.array(node, { maxLength: 5 }) }),
  );
  return fc.array(one, { minLength: size, maxLength: size });
}

const entryOf = (node: Node, n: number): EntryInput => {
  const base = { dn: dn(n), primary: at(n) };
  switch (node.kind) {
    case 'box':
      return base;
    case 'forward':
      return { ...base, altRecipient: dn(node.to), deliverAndRedirect: node.keep };
    case 'contact':
      return { ...base, kind: 'contact', targetAddress: at(node.to) };
    case 'group':
      return { ...base, kind: 'group', members: node.members.map(dn) };
  }
};

/** Every mailbox that mail to these can come to, found by simply following all ways. */
function reachable(nodes: readonly Node[], from: readonly number[]): Set<number> {
  const seen = new Set<number>();
  const ends = new Set<number>();
  const todo = [...from];
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    const node = nodes[n];
    if (seen.has(n) || node === undefined) continue;
    seen.add(n);
    if (node.kind === 'box' || (node.kind === 'forward' && node.keep)) ends.add(n);
    if (node.kind === 'forward' || node.kind === 'contact') todo.push(node.to);
    if (node.kind === 'group') todo.push(...node.members);
  }
  return ends;
}

/** Everything behind a node, itself only when a way leads back to it. */
function behind(nodes: readonly Node[], from: number): Set<number> {
  const seen = new Set<number>();
  const todo = [from];
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    const node = nodes[n];
    if (node === undefined || node.kind === 'box') continue;
    const next = node.kind === 'group' ? node.members : [node.to];
    for (const one of next) {
      if (seen.has(one)) continue;
      seen.add(one);
      todo.push(one);
    }
  }
  return seen;
}

/** Whether mail to this node comes to somebody whose forwarding leads back to himself. */
function comesToCircle(nodes: readonly Node[], from: number): boolean {
  return [from, ...behind(nodes, from)].some((n) => {
    const kind = nodes[n]?.kind;
    return (kind === 'forward' || kind === 'contact') && behind(nodes, n).has(n);
  });
}

const cases = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => fc.tuple(graphOf(size), fc.array(fc.nat(size - 1), { minLength: 1, maxLength: 4 })));

test('any graph of groups and forwardings ends, everybody who can be reached gets it once, and nothing vanishes', async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.constantFrom(100, 2), async ([nodes, to], largeOver) => {
      const resolution = await resolveRecipients(
        {
          sender: 'SMTP:zoe@else.test',
          recipients: to.map((n) => ({ address: at(n) })),
          sizeBytes: 1,
          trusted: true,
          report: false,
          expandedVia: [],
        },
        { directory: directoryOf(nodes.map(entryOf)), organization, largeOver },
      );
      if (resolution.kind !== 'resolved') throw new Error(resolution.kind);
      const here = resolution.local.map(({ address }) => address);
      expect(new Set(here).size).toBe(here.length);
      const members = resolution.large.flatMap((large) => large.members.map(({ address }) => address));
      expect(new Set(members).size).toBe(members.length);

      // Members of large groups are mails of their own; what they reach counts as reached.
      const numbers = (addresses: string[]) => addresses.map((address) => Number(/^SMTP:n(\d+)@/.exec(address)?.[1]));
      const got = new Set([...numbers(here), ...reachable(nodes, numbers(members))]);
      expect(got).toEqual(reachable(nodes, to));

      // A circle is told of where nobody at the end gets it, and only there.
      for (const { status, recipient } of resolution.reports) {
        expect(status).toBe('5.4.6');
        expect(reachable(nodes, numbers([recipient])).size).toBe(0);
      }
      const lost = to.some((n) => reachable(nodes, [n]).size === 0 && comesToCircle(nodes, n));
      if (lost && members.length === 0) expect(resolution.reports.length).toBeGreaterThan(0);
    }),
    { numRuns: 2_000 },
  );
});

test('a wide and deep graph does not take long', async () => {
  const wide = 300;
  const nodes: Node[] = Array.from({ length: wide }, (_, n) => ({
    kind: 'group',
    members: Array.from({ length: wide }, (__, i) => (n + i) % (wide + 1)),
  }));
  nodes.push({ kind: 'box' });
  const deep = organizationOf({ limits: { expansionDepth: 32 } }).current();
  const started = performance.now();
  const resolution = await resolveRecipients(
    { sender: null, recipients: [{ address: at(0) }], sizeBytes: 1, trusted: true, report: false, expandedVia: [] },
    { directory: directoryOf(nodes.map(entryOf)), organization: deep },
  );
  expect(resolution).toMatchObject({ kind: 'resolved', local: [{ address: at(wide) }], reports: [] });
  expect(performance.now() - started).toBeLessThan(5_000); // 90,000 memberships; seconds would mean that each was walked anew
});
