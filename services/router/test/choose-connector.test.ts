import { describe, expect, test } from '@jest/globals';
import { closeness, organizationOf } from '@mailrail/organization';
import { chooseConnector, type Routable } from '../src/choose-connector.ts';

const smtp = (name: string, spaces: [string, number][], more: object = {}) => ({
  name,
  kind: 'smtp' as const,
  addressSpaces: spaces.map(([space, cost]) => ({ space, cost })),
  ...more,
});
const to = (site: string, name: string, cost: number, more: object = {}) => ({
  name,
  kind: 'routing-group' as const,
  site,
  cost,
  bridgeheads: [`${name}.corp.example:2528`],
  ...more,
});
const { settings } = organizationOf({
  site: 'london',
  server: 'EX1',
  servers: [
    { name: 'EX1', site: 'london' },
    { name: 'EX2', site: 'paris' },
  ],
  connectors: [
    smtp('internet', [['SMTP:*', 1]]),
    smtp('backup', [['SMTP:*', 5]]),
    smtp('partners', [['SMTP:*.partner.example', 50]], { smartHosts: ['[192.0.2.9]:2525', 'second.partner.example'] }),
    smtp('one-partner', [['SMTP:deep.partner.example', 90]], { maxMessageBytes: '1MB' }),
    smtp('small-only', [['SMTP:small.example', 1]], { maxMessageBytes: '1KB' }),
    smtp('notes', [['NOTES:*', 1]]),
    to('paris', 'paris-a', 20),
    to('paris', 'paris-b', 10, { maxMessageBytes: '1MB' }),
  ],
}).current();

const choose = (address: string, more: Partial<Routable> = {}) => {
  const choice = chooseConnector({ address, sizeBytes: 4_096, ...more }, settings);
  return choice.kind === 'connector'
    ? `${choice.connector} -> ${choice.destination} (${choice.routedBy})`
    : `${choice.status} ${choice.reason}`;
};

describe('address spaces', () => {
  test.each<[string, string, Partial<Routable>, string]>([
    ['the cheapest of equally close ones', 'SMTP:a@other.example', {}, 'internet -> other.example (SMTP:* cost 1)'],
    ['closeness before cost', 'SMTP:a@x.partner.example', {}, 'partners -> [192.0.2.9]:2525 (SMTP:*.partner.example cost 50)'],
    [
      'an exact match before a wildcard',
      'SMTP:a@deep.partner.example',
      {},
      'one-partner -> deep.partner.example (SMTP:deep.partner.example cost 90)',
    ],
    [
      'too large for the closest: the next that may',
      'SMTP:a@deep.partner.example',
      { sizeBytes: 2_000_000 },
      'partners -> [192.0.2.9]:2525 (SMTP:*.partner.example cost 50)',
    ],
    ['a wildcard is no match for its own domain', 'SMTP:a@partner.example', {}, 'internet -> partner.example (SMTP:* cost 1)'],
    ['case does not matter', 'SMTP:a@X.Partner.EXAMPLE', {}, 'partners -> [192.0.2.9]:2525 (SMTP:*.partner.example cost 50)'],
    ['no space for the type', 'X400:c=us;a= ;p=Corp', {}, '5.4.4 no connector has an address space for it'],
    ['another type needs a smart host', 'NOTES:Ada/Corp@DOM', {}, '5.4.4 connector notes finds hosts by domain, and the address has none'],
    ['our own site is no detour', 'SMTP:a@other.example', { targetSite: 'london' }, 'internet -> other.example (SMTP:* cost 1)'],
  ])('%s', (_name, address, more, expected) => {
    expect(choose(address, more)).toBe(expected);
  });

  test('all that match are too small: 5.3.4', () => {
    const only = { ...settings, connectors: settings.connectors.filter(({ name }) => name === 'small-only') };
    expect(chooseConnector({ address: 'SMTP:a@small.example', sizeBytes: 5_000 }, only)).toMatchObject({
      kind: 'unroutable',
      status: '5.3.4',
    });
  });
});

describe('sites', () => {
  test.each<[string, Partial<Routable>, string]>([
    ['the cheapest connector to the site', { targetSite: 'paris' }, 'paris-b -> paris-b.corp.example:2528 (site paris cost 10)'],
    [
      'too large for it: the next',
      { targetSite: 'paris', sizeBytes: 2_000_000 },
      'paris-a -> paris-a.corp.example:2528 (site paris cost 20)',
    ],
    ['no connector leads there', { targetSite: 'oslo' }, '5.4.4 no connector leads to site oslo'],
  ])('%s', (_name, more, expected) => {
    expect(choose('SMTP:pierre@corp.example', more)).toBe(expected);
  });
});

describe('the way to a site', () => {
  const org = organizationOf({
    servers: [
      { name: 'EX1', site: 'london' },
      { name: 'EX4', site: 'london' },
      ...['paris', 'rome', 'oslo', 'porto'].map((site) => ({ name: site.toUpperCase(), site })),
    ],
    connectors: [to('paris', 'to-paris', 10), to('rome', 'to-rome', 1, { maxMessageBytes: '1MB' }), smtp('internet', [['SMTP:*', 1]])],
    siteLinks: [
      { from: 'paris', to: 'oslo', cost: 5 },
      { from: 'rome', to: 'paris', cost: 2 },
      { from: 'paris', to: 'london', cost: 1 },
    ],
  }).current().settings;
  const way = (targetSite: string, more: Partial<Routable> = {}, settingsHere = org) => {
    const choice = chooseConnector({ address: 'SMTP:a@corp.example', targetSite, sizeBytes: 4_096, ...more }, settingsHere);
    return choice.kind === 'connector' ? `${choice.connector}: ${choice.routedBy}` : choice.status;
  };

  test.each<[string, string, Partial<Routable>, string]>([
    ['the whole way counts', 'paris', {}, 'to-rome: site paris via rome cost 3'],
    ['over two links', 'oslo', {}, 'to-rome: site oslo via rome cost 8'],
    ['too large for the cheaper way', 'oslo', { sizeBytes: 2_000_000 }, 'to-paris: site oslo via paris cost 15'],
    ['too large for the only way', 'rome', { sizeBytes: 2_000_000 }, '5.3.4'],
    ['no links lead there', 'porto', {}, '5.4.4'],
    ['another server of this site is never sent to the world', 'london', { targetServer: 'EX4' }, '5.4.4'],
    ['this server itself is no detour', 'london', { targetServer: 'ex1' }, 'internet: SMTP:* cost 1'],
  ])('%s', (_name, site, more, expected) => {
    expect(way(site, more)).toBe(expected);
  });

  test('another server of this site by a connector that leads to it', () => {
    const here = { ...org, connectors: [...org.connectors, { ...to('london', 'to-ex4', 1), tls: 'required' as const, maxSessions: 20 }] };
    expect(way('london', { targetServer: 'EX4' }, here)).toBe('to-ex4: site london cost 1');
    expect(way('porto', {}, here)).toBe('5.4.4');
  });
});

test.each([
  ['SMTP:*', 'SMTP:a@b.example', 0],
  ['SMTP:*.b.example', 'SMTP:a@c.b.example', 10],
  ['SMTP:*.b.example', 'SMTP:a@xb.example', -1],
  ['SMTP:b.example', 'SMTP:a@b.example', 10_009],
  ['NOTES:*', 'SMTP:a@b.example', -1],
])('closeness of %s to %s is %i', (space, address, expected) => {
  expect(closeness(space, address)).toBe(expected);
});
