import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { organizationErrorsText, parseOrganization } from '../src/index.ts';

/** A whole valid file; `// name` marks lines that scenarios replace. */
const valid = `organization: Corp
site: london
server: EX1
servers:
  - { name: EX1, site: london }
  - { name: EX2, site: paris }
domains:
  - { name: corp.example, type: authoritative }
  - { name: relay.example, type: relay }
postmaster: postmaster@corp.example
gateways:
  - { name: smtp, kind: smtp }
  - { name: pickup, kind: folder, dialect: pickup, trust: inside }
connectors:
  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }], smartHosts: ['127.0.0.1:2526'] }
  - { name: to-paris, kind: routing-group, site: paris, bridgeheads: ['127.0.0.1:2600'] }
`;

/** The valid file with one line replaced (or lines appended), and the errors as `line path: message`. */
function errorsOf(change: Record<number, string>, more = '', env: Record<string, string> = {}): string[] {
  const lines = valid.trimEnd().split('\n');
  for (const [line, text] of Object.entries(change)) lines[Number(line) - 1] = text;
  const parsed = parseOrganization(`${lines.join('\n')}\n${more}`, { env });
  return parsed.ok ? [] : parsed.errors.map(({ line, path, message }) => `${line} ${path}: ${message}`);
}

interface Scenario {
  name: string;
  change?: Record<number, string>;
  more?: string;
  env?: Record<string, string>;
  errors: (string | RegExp)[];
}

const scenarios: Scenario[] = [
  { name: 'a valid file has none', errors: [] },
  { name: 'a value of the wrong type', change: { 3: 'server: [EX1]' }, errors: [/^3 server: expected string/] },
  { name: 'a missing key', change: { 10: '# nobody' }, errors: ['1 postmaster: is missing (string expected)'] },
  { name: 'an unknown key, on its own line', more: 'limtis: {}\n', errors: ['17 limtis: is no setting known here'] },
  {
    name: 'an unknown key deep inside',
    change: { 13: '  - { name: pickup, kind: folder, dialect: pickup, trsut: inside }' },
    errors: ['13 gateways[1].trsut: is no setting known here'],
  },
  {
    name: 'an unknown kind of gateway',
    change: { 12: '  - { name: smtp, kind: smpt }' },
    errors: [/^12 gateways\[0\]\.kind: /],
  },
  {
    name: 'a message format twice, and one for no domain',
    more: "messageFormats:\n  - { domain: far.example, richText: never }\n  - { domain: FAR.example }\n  - { domain: 'x@far.example' }\n",
    errors: [
      '19 messageFormats[1].domain: domain FAR.example is there twice (also messageFormats[0])',
      '20 messageFormats[2].domain: *, *.domain or a domain',
    ],
  },
  {
    name: 'a duration nobody understands',
    more: 'schedule: { thenEvery: 15 minutes }\n',
    errors: [/^17 schedule\.thenEvery: a duration such as/],
  },
  {
    name: 'a size nobody understands',
    more: 'limits:\n  messageBytes: 50 megabytes\n',
    errors: [/^18 limits\.messageBytes: a size such as/],
  },
  {
    name: 'a name that is a reserved word',
    change: { 12: '  - { name: badmail, kind: smtp }' },
    errors: ['12 gateways[0].name: is a reserved word'],
  },
  { name: 'a key twice', more: 'postmaster: b@corp.example\n', errors: [/^17 : Map keys must be unique/] },
  {
    name: 'broken YAML, without complaints about what it swallowed',
    change: { 4: 'servers: [', 5: '', 6: '' },
    errors: [/^\d+ : /],
  },
  {
    name: 'two gateways of one name',
    change: { 13: '  - { name: SMTP, kind: http }' },
    errors: [/^13 gateways\[1\]\.name: lower-case/, '13 gateways[1].name: gateway SMTP is there twice (also gateways[0])'],
  },
  {
    name: 'two connectors of one name',
    more: "  - { name: internet, kind: smtp, addressSpaces: [{ space: 'X400:*' }] }\n",
    errors: ['17 connectors[2].name: connector internet is there twice (also connectors[0])'],
  },
  {
    name: 'two domains of one name, in whatever letter case',
    change: { 9: '  - { name: CORP.example, type: relay }' },
    errors: ['9 domains[1].name: domain CORP.example is there twice (also domains[0])'],
  },
  {
    name: 'two servers of one name',
    change: { 6: '  - { name: ex1, site: paris }' },
    errors: ['6 servers[1].name: server ex1 is there twice (also servers[0])'],
  },
  {
    name: 'a site without a server',
    change: { 2: 'site: rome' },
    errors: ['2 site: no server is in site rome: servers needs a row for it'],
  },
  {
    name: 'a site other than its server’s',
    change: { 2: 'site: paris' },
    errors: ['2 site: paris, but servers says that EX1 is in london'],
  },
  { name: 'a server that is not among the servers', change: { 3: 'server: EX9' }, errors: ['3 server: EX9 has no row in servers'] },
  {
    name: 'a connector to an unknown site',
    change: { 16: "  - { name: to-rome, kind: routing-group, site: rome, bridgeheads: ['127.0.0.1:2600'] }" },
    errors: ['16 connectors[1].site: no server is in site rome'],
  },
  {
    name: 'a connector to this site, where nobody else is',
    change: { 16: "  - { name: home, kind: routing-group, site: london, bridgeheads: ['127.0.0.1:2600'] }" },
    errors: ['16 connectors[1].site: london is this site, and no other server is in it'],
  },
  {
    name: 'a postmaster elsewhere',
    change: { 10: 'postmaster: me@elsewhere.example' },
    errors: ['10 postmaster: domain elsewhere.example is not one of domains'],
  },
  {
    name: 'no authoritative domain',
    change: { 8: '  - { name: corp.example, type: shared }' },
    errors: ['7 domains: at least one domain must be authoritative'],
  },
  {
    name: 'a host name that is a mail domain',
    more: 'hostname: corp.example\n',
    errors: ['17 hostname: corp.example is also a mail domain'],
  },
  {
    name: 'a connector that claims an authoritative domain',
    change: { 15: "  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:Corp.example' }] }" },
    errors: ['15 connectors[0].addressSpaces[0].space: corp.example is authoritative here, so none of its mail leaves'],
  },
  {
    name: 'an address space twice in one connector',
    change: { 15: "  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }, { space: 'smtp:*', cost: 5 }] }" },
    errors: ['15 connectors[0].addressSpaces[1].space: smtp:* is there twice'],
  },
  {
    name: 'a wildcard in the middle, which Exchange ignored in silence',
    change: { 15: "  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:mail.*.example' }] }" },
    errors: [/^15 connectors\[0\]\.addressSpaces\[0\]\.space: .*wildcard only at the beginning/],
  },
  {
    name: 'a user without a password',
    change: { 15: "  - { name: internet, kind: smtp, user: corp, addressSpaces: [{ space: 'SMTP:*' }] }" },
    errors: ['15 connectors[0]: user and passwordEnv go together'],
  },
  {
    name: 'a network that is none',
    change: { 12: '  - { name: smtp, kind: smtp, insideNetworks: [10.0.0.0/8, 10.0.0.0/40, localhost] }' },
    errors: [
      '12 gateways[0].insideNetworks[1]: 10.0.0.0/40 is no network such as 192.0.2.0/24',
      '12 gateways[0].insideNetworks[2]: localhost is no network such as 192.0.2.0/24',
    ],
  },
  {
    name: 'a delay report after the end',
    more: 'schedule: { delayReportAfter: 3d }\n',
    errors: ['17 schedule.delayReportAfter: must be shorter than expireAfter'],
  },
  {
    name: 'content that goes before its mail',
    more: 'contentRetention: 2d\n',
    errors: ['17 contentRetention: must be a day longer than the longest expireAfter, or mail that still waits loses its content'],
  },
  {
    name: 'site links that lead nowhere',
    more: 'siteLinks:\n  - { from: paris, to: rome }\n  - { from: paris, to: paris }\n  - { from: london, to: paris }\n',
    errors: [
      '18 siteLinks[0].to: no server is in site rome',
      '19 siteLinks[1].to: leads from a site to itself',
      '20 siteLinks[2].from: links from this site are its routing-group connectors',
    ],
  },
  {
    name: 'a variable that is not set',
    change: { 1: 'organization: ${COMPANY}' },
    errors: ['1 : variable COMPANY is not set and has no default (write ${COMPANY:-default})'],
  },
  { name: 'a variable that is set', change: { 1: 'organization: ${COMPANY}' }, env: { COMPANY: 'Fabrikam' }, errors: [] },
  {
    name: 'a variable with a wrong value is told where it stands',
    change: { 2: 'site: ${SITE:-rome}' },
    errors: [/^2 site: no server is in site rome/],
  },
  {
    name: 'everything at once, in the order of lines',
    change: { 3: 'server: EX9', 10: 'postmaster: me@elsewhere.example', 12: '  - { name: smtp, kind: smtp, colour: red }' },
    more: 'schedule: { thenEvery: soon }\n',
    errors: [
      '3 server: EX9 has no row in servers',
      '10 postmaster: domain elsewhere.example is not one of domains',
      '12 gateways[0].colour: is no setting known here',
      /^17 schedule\.thenEvery: a duration/,
    ],
  },
  {
    name: 'an empty file',
    change: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [i + 1, ''])),
    errors: [/^1 : expected object/],
  },
];

describe('parseOrganization', () => {
  test.each(scenarios)('$name', ({ change = {}, more = '', env = {}, errors }) => {
    const found = errorsOf(change, more, env);
    expect(found).toHaveLength(errors.length);
    for (const [index, error] of errors.entries()) {
      if (typeof error === 'string') expect(found[index]).toBe(error);
      else expect(found[index]).toMatch(error);
    }
  });

  test('fills in defaults, versions and names', () => {
    const parsed = parseOrganization(valid);
    if (!parsed.ok) throw new Error(organizationErrorsText(parsed.errors));
    const { settings, version, hostname } = parsed.snapshot;
    expect(version).toMatch(/^[0-9a-f]{12}$/);
    expect(hostname).toBe('ex1.corp.example');
    expect(parsed.snapshot.domain('CORP.Example')?.type).toBe('authoritative');
    expect(parsed.snapshot.domain('elsewhere.example')).toBeUndefined();
    expect(parsed.snapshot.serverRow('ex2')).toEqual({ name: 'EX2', site: 'paris' });
    expect(settings.schedule.expireAfter).toBe(172_800_000);
    expect(settings.limits.messageBytes).toBe(52_428_800);
    expect(parseOrganization(`${valid}# a comment\n`)).toMatchObject({ ok: true });
  });

  test('the version is of the text, so that a comment is another version too', () => {
    const versions = [valid, valid, `${valid}# a comment\n`].map((text) => {
      const parsed = parseOrganization(text);
      return parsed.ok ? parsed.snapshot.version : '';
    });
    expect(versions[0]).toBe(versions[1]);
    expect(versions[0]).not.toBe(versions[2]);
  });

  test('an alias bomb is an error, not a process out of memory', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array.from({ length: 9 }, () => `*l${i}`).join(', ')}]`);
    const parsed = parseOrganization(`l0: &l0 [lol]\n${levels.join('\n')}\n`);
    expect(parsed.ok).toBe(false);
  });

  test('the default organization is valid and has what the design promises', () => {
    const text = readFileSync(new URL('../default/organization.yaml', import.meta.url), 'utf8');
    const parsed = parseOrganization(text, { env: { MAILRAIL_SINK: '127.0.0.1:4000' } });
    if (!parsed.ok) throw new Error(organizationErrorsText(parsed.errors));
    const { settings } = parsed.snapshot;
    expect(settings.site).toBe('london');
    expect(settings.domains.map(({ name, type }) => `${name} ${type}`)).toEqual(['corp.example authoritative', 'relay.example relay']);
    expect(settings.gateways.map(({ name }) => name)).toEqual([
      'smtp',
      'submission',
      'http',
      'pickup',
      'replay',
      'bsmtp',
      'sgw',
      'gwapi',
      'ffapi',
      'dxl',
      'x400-text',
      'mbox',
      'sms',
      'ccmail',
      'notes-text',
    ]);
    expect(settings.connectors).toMatchObject([{ name: 'internet', smartHosts: ['127.0.0.1:4000'], tls: 'never' }]);
    expect(parseOrganization(text)).toMatchObject({ snapshot: { settings: { connectors: [{ smartHosts: ['127.0.0.1:2526'] }] } } });
  });
});

test('a connector without a schedule of its own has none, so that the organization’s counts', () => {
  const text = `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
schedule: { glitchRetries: [2s] }
connectors:
  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }] }
`;
  const parsed = parseOrganization(text);
  expect(parsed.ok && parsed.snapshot.settings.schedule.glitchRetries).toEqual([2_000]);
  expect(parsed.ok && parsed.snapshot.settings.connectors[0]?.schedule).toBeUndefined();
});
