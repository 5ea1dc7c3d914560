import { describe, expect, test } from '@jest/globals';
import { type OrganizationInput, type OrganizationSource, organizationOf } from '@mailrail/organization';
import { ConfigError } from '@mailrail/pipeline';
import { type ConnectorSecrets, connectorSource } from '../src/connector-settings.ts';
import { keepingLog } from './line.ts';

type Connectors = NonNullable<OrganizationInput['connectors']>;
type Of<Kind> = Extract<Connectors[number], { kind: Kind }>;
const smtp: Of<'smtp'> = { name: 'internet', kind: 'smtp', addressSpaces: [{ space: 'SMTP:*' }] };
const paris: Of<'routing-group'> = { name: 'to-paris', kind: 'routing-group', site: 'paris', bridgeheads: ['10.0.0.2:2527'] };

const sourceOf = (connectors: Connectors, name: string, kind: 'smtp' | 'routing-group', secrets: ConnectorSecrets = {}) =>
  connectorSource(organizationOf({ connectors }), name, kind, () => secrets, keepingLog()).now();

describe('an smtp connector', () => {
  test('has its smart hosts, sessions, TLS and name', () => {
    expect(sourceOf([{ ...smtp, smartHosts: ['relay.example:587'], maxSessions: 7 }], 'internet', 'smtp')).toMatchObject({
      hostname: 'ex1.corp.example',
      hosts: ['relay.example:587'],
      maxSessions: 7,
      tls: { mode: 'opportunistic' },
      schedule: { thenEvery: 900_000 },
    });
  });
  test('has its own schedule where it has one', () => {
    expect(sourceOf([{ ...smtp, schedule: { thenEvery: '5m' } }], 'internet', 'smtp').schedule.thenEvery).toBe(300_000);
  });
  test('authenticates with user and password', () => {
    const connectors: Connectors = [{ ...smtp, user: 'corp', passwordEnv: 'SMART_HOST_PASSWORD' }];
    expect(sourceOf(connectors, 'internet', 'smtp', { password: 's3cret' }).auth).toEqual({ user: 'corp', password: 's3cret' });
    expect(() => sourceOf(connectors, 'internet', 'smtp')).toThrow('connector internet has a user, but SMART_HOST_PASSWORD is not set');
  });
});

describe('a routing group connector', () => {
  test('authenticates with the name of our site', () => {
    expect(sourceOf([paris], 'to-paris', 'routing-group', { password: 's3cret' })).toMatchObject({
      hosts: ['10.0.0.2:2527'],
      tls: { mode: 'required' },
      auth: { user: 'london', password: 's3cret' },
    });
  });
  test.each([
    { tls: 'never', bridgeheads: ['127.0.0.1:2527', '[::1]:2527', 'localhost'], gives: 'never' },
    { tls: 'never', bridgeheads: ['127.0.0.1:2527', '10.0.0.2:2527'], gives: 'required' },
    { tls: 'opportunistic', bridgeheads: ['127.0.0.1:2527'], gives: 'required' },
  ] as const)('TLS $tls to $bridgeheads is $gives', ({ tls, bridgeheads, gives }) => {
    expect(sourceOf([{ ...paris, tls, bridgeheads: [...bridgeheads] }], 'to-paris', 'routing-group').tls.mode).toBe(gives);
  });
});

test('what is not there is named, with what there is', () => {
  expect(() => sourceOf([smtp, paris], 'to-paris', 'smtp')).toThrow(ConfigError);
  expect(() => sourceOf([smtp, paris], 'to-paris', 'smtp')).toThrow('the organization has no smtp connector to-paris; it has internet');
  expect(() => sourceOf([smtp], 'x', 'routing-group')).toThrow('it has none');
});

test('follows the file; what is removed or no longer complete stays as it was', () => {
  const files: Connectors[] = [[smtp], [smtp], [{ ...smtp, maxSessions: 3 }], [], [{ ...smtp, user: 'corp' }]];
  const snapshots = files.map((connectors) => organizationOf({ connectors }).current());
  let at = 0;
  const organization: OrganizationSource = { current: () => snapshots[at] ?? organizationOf().current(), close: () => {} };
  const log = keepingLog();
  const source = connectorSource(organization, 'internet', 'smtp', () => ({}), log);
  const first = source.now();
  expect(source.now()).toBe(first);
  at = 2;
  expect(source.now().maxSessions).toBe(3);
  at = 3;
  expect(source.now().maxSessions).toBe(3);
  at = 4;
  expect(source.now().maxSessions).toBe(3);
  expect(log.told).toMatchObject([{ event: 'connector.kept', fields: { connector: 'internet' } }]);
});
