import { describe, expect, test } from '@jest/globals';
import { gatewayFor, organizationOf, parseOrganization, waysOut } from '../src/index.ts';

const head = `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
`;

describe('mistakes have the line they are in', () => {
  test.each([
    [
      'addressTemplates:\n  - { foreign: "GWISE:A.B.%m", internet: "SMTP:%q@corp.example" }',
      'addressTemplates[0].internet',
      'is no variable',
    ],
    [
      'addressTemplates:\n  - { foreign: "GWISE:A.B.%m", internet: "SMTP:%m@other.example" }',
      'addressTemplates[0].internet',
      'other.example is not one of domains',
    ],
    [
      'addressTemplates:\n  - { foreign: "GWISE:A.B.%g", internet: "SMTP:%m@corp.example" }',
      'addressTemplates[0].internet',
      '%g is missing',
    ],
    [
      'addressTemplates:\n  - { foreign: "NOTES:%g%s", internet: "SMTP:%g.%s@corp.example" }',
      'addressTemplates[0].foreign',
      'nothing between',
    ],
    [
      'gateways:\n  - { name: smtp, kind: folder, dialect: gwapi, addressSpaces: [{ space: "GWISE:*" }] }',
      'gateways[0].name',
      'must have another name',
    ],
    ['gateways:\n  - { name: gw, kind: folder, dialect: gwapi, writes: gwapi }', 'gateways[0].writes', 'without addressSpaces'],
    [
      'gateways:\n  - { name: gw, kind: folder, dialect: bsmtp, addressSpaces: [{ space: "SMTP:corp.example" }] }',
      'gateways[0].addressSpaces[0].space',
      'authoritative',
    ],
    [
      'gateways:\n  - { name: gw, kind: folder, dialect: gwapi, addressSpaces: [{ space: "GWISE:*" }, { space: "gwise:*" }] }',
      'gateways[0].addressSpaces[1].space',
      'twice',
    ],
  ])('%s', (text, path, message) => {
    const parsed = parseOrganization(head + text);
    const errors = parsed.ok ? [] : parsed.errors;
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ line: 8, path });
    expect(errors[0]?.message).toContain(message);
  });

  test('two pairs for the same foreign addresses', () => {
    const pair = '  - { foreign: "GWISE:A.B.%m", internet: "SMTP:%m@corp.example" }\n';
    const parsed = parseOrganization(`${head}addressTemplates:\n${pair}${pair}`);
    expect(parsed.ok ? [] : parsed.errors.map(({ line, path }) => [line, path])).toEqual([[9, 'addressTemplates[1].foreign']]);
  });
});

describe('the gateway an address lies behind', () => {
  const { settings } = organizationOf({
    gateways: [
      { name: 'gwapi', kind: 'folder', dialect: 'gwapi', addressSpaces: [{ space: 'GWISE:*' }] },
      {
        name: 'plant',
        kind: 'folder',
        dialect: 'bsmtp',
        addressSpaces: [{ space: 'SMTP:silo.example' }, { space: 'SMTP:*.silo.example', cost: 20 }],
      },
      { name: 'dear', kind: 'folder', dialect: 'eml', addressSpaces: [{ space: 'GWISE:*', cost: 5 }, { space: 'NOTES:*' }] },
      { name: 'in-only', kind: 'folder', dialect: 'ffapi' },
    ],
    connectors: [
      {
        name: 'internet',
        kind: 'smtp',
        addressSpaces: [{ space: 'SMTP:*' }, { space: 'SMTP:*.silo.example', cost: 10 }, { space: 'MS:*' }],
      },
    ],
  }).current();

  test.each([
    ['GWISE:A.B.C', 'gwapi'],
    ['NOTES:A/B', 'dear'],
    ['SMTP:ops@silo.example', 'plant'],
    ['SMTP:ops@a.silo.example', undefined], // as close, and the connector is cheaper
    ['SMTP:x@remote.example', undefined],
    ['MS:A/B/C', undefined],
    ['FAX:+1', undefined],
  ])('%s: %s', (address, name) => {
    expect(gatewayFor(address, settings)?.name).toBe(name);
  });

  test('only a gateway with something behind it is a way out', () => {
    expect(waysOut(settings).map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'smtp internet',
      'foreign gwapi',
      'foreign plant',
      'foreign dear',
    ]);
  });
});
