import { oneLine, parseTemplatePair } from '@mailrail/mail';

type Rows = readonly { row: Record<string, unknown>; index: number }[];
type Say = (path: (string | number)[], message: string) => void;

/** What lies behind folder gateways: queues that would have the name of another, spaces that are ours or there twice. */
export function checkGateways(gateways: Rows, typeOf: ReadonlyMap<string, string>, say: Say): void {
  for (const { row, index } of gateways) {
    const spaces = Array.isArray(row['addressSpaces']) ? row['addressSpaces'].map(spaceIn) : [];
    const path = ['gateways', index];
    if (spaces.length > 0 && row['name'] === 'smtp') {
      say([...path, 'name'], 'mta.smtp is the MTA’s own queue, so a gateway with a way back must have another name');
    }
    if (spaces.length === 0 && row['writes'] !== undefined) say([...path, 'writes'], 'nothing is written without addressSpaces');
    const seen = new Set<string>();
    for (const [at, space] of spaces.entries()) {
      if (space === undefined) continue;
      const where = [...path, 'addressSpaces', at, 'space'];
      const key = space.toLowerCase();
      if (seen.has(key)) say(where, `${space} is there twice`);
      seen.add(key);
      const domain = key.startsWith('smtp:') ? key.slice(5) : '';
      if (typeOf.get(domain) === 'authoritative') say(where, `${domain} is authoritative here, so none of its mail leaves`);
    }
  }
}

/** Templates that are none, that cannot be read back, or that would make addresses of somebody else's domain. */
export function checkTemplates(templates: Rows, typeOf: ReadonlyMap<string, string>, say: Say): void {
  const seen = new Map<string, number>();
  for (const { row, index } of templates) {
    const { foreign, internet } = row;
    if (typeof foreign !== 'string' || typeof internet !== 'string') continue;
    const path = ['addressTemplates', index];
    const read = parseTemplatePair({ foreign, internet });
    if (!read.ok) {
      const side = read.side ?? 'foreign';
      say([...path, side], `${oneLine(side === 'foreign' ? foreign : internet, 100)}: ${oneLine(read.reason, 200)}`);
      continue;
    }
    if (!typeOf.has(read.value.domain)) {
      say([...path, 'internet'], `${oneLine(read.value.domain, 100)} is not one of domains, so that no answer would come back here`);
    }
    const before = seen.get(foreign.toLowerCase());
    if (before === undefined) seen.set(foreign.toLowerCase(), index);
    else say([...path, 'foreign'], `${oneLine(foreign, 100)} is there twice (also addressTemplates[${before}])`);
  }
}

function spaceIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('space' in value)) return undefined;
  return typeof value.space === 'string' ? value.space : undefined;
}
