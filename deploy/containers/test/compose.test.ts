import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { organizationOf } from './organization.ts';
import { type Compose, readCompose, type Service } from '../src/compose.ts';
import { composeFaults } from '../src/compose-faults.ts';

const deploy = path.join(import.meta.dirname, '..', '..');
const names = [...readFileSync(path.join(deploy, 'compose', 'env.example'), 'utf8').matchAll(/^([A-Z_]+)=$/gm)].map(
  ([, name = '']) => name,
);
const secrets = Object.fromEntries(names.map((name) => [name, 'Aa0-_secret-of-24-letters']));
const compose = () => readCompose(secrets);
const stages = organizationOf().stages;

test('the compose file is as it must be, and complete', async () => {
  expect(await composeFaults(compose(), stages)).toEqual([]);
});

test('every service of ours is in it, and nothing else that is built here', () => {
  const folders = readdirSync(path.join(deploy, '..', 'services'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const run = new Set(
    Object.values(compose().services).flatMap(({ command = [] }) => /^services\/([^/]+)/.exec(command[1] ?? '')?.[1] ?? []),
  );
  expect([...run].toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  expect(Object.values(compose().services).filter(({ build }) => build !== undefined)).toHaveLength(1);
});

test('three RabbitMQ nodes come with the profile, one without', () => {
  const nodes = Object.entries(compose().services).filter(([, { image }]) => image.startsWith('rabbitmq:'));
  expect(nodes.map(([name, { profiles }]) => [name, profiles])).toEqual([
    ['rabbitmq', undefined],
    ['rabbitmq-2', ['cluster']],
    ['rabbitmq-3', ['cluster']],
  ]);
  expect(new Set(nodes.map(([, { hostname }]) => hostname)).size).toBe(3);
});

test('every stage can be told of all three, as the example does', async () => {
  const example = readFileSync(path.join(deploy, 'compose', 'env.example'), 'utf8');
  const hosts = /^# MAILRAIL_BROKER_HOSTS=(\S+)$/m.exec(example)?.[1] ?? '';
  const { services, volumes } = readCompose({ ...secrets, MAILRAIL_BROKER_HOSTS: hosts });
  expect(await composeFaults({ ...compose(), services, volumes }, stages)).toEqual([]);
  const ours = Object.values(services).filter(({ command }) => command?.[1]?.startsWith('services/'));
  expect(ours.length).toBeGreaterThan(5);
  const names = hosts.split(',').map((host) => host.replace(':5672', ''));
  expect(names.filter((name) => services[name]?.image.startsWith('rabbitmq:'))).toEqual(['rabbitmq', 'rabbitmq-2', 'rabbitmq-3']);
  for (const { environment } of ours) expect(environment['AMQP_URL']?.endsWith(`@${hosts}`)).toBe(true);
});

const bucket = {
  MAILRAIL_CONTENT_URL: 's3://mail/corp?endpoint=http://s3:7070&sweep=list',
  MAILRAIL_CONTENT_ACCESS_KEY: 'key',
  MAILRAIL_CONTENT_SECRET_KEY: 'secret',
};

test('an S3 store comes with its profile, and the stages that need bodies can use it', async () => {
  const { services, volumes } = readCompose({ ...secrets, ...bucket });
  expect(await composeFaults({ ...compose(), services, volumes }, stages)).toEqual([]);
  expect(services['s3']?.profiles).toEqual(['s3']);
  expect(services['s3-bucket']?.command?.at(-1)).toBe(bucket.MAILRAIL_CONTENT_URL);
  expect(existsSync(path.join(deploy, '..', services['s3-bucket']?.command?.[1] ?? ''))).toBe(true);
  const port = new URL(new URL(bucket.MAILRAIL_CONTENT_URL).searchParams.get('endpoint') ?? '').port;
  expect(services['s3']?.command).toContain(`:${port}`);

  const lines = Object.entries(services).filter(([, { command }]) => command?.[1]?.startsWith('services/'));
  const without = lines.filter(([, { environment }]) => environment['CONTENT_URL'] === undefined).map(([name]) => name);
  expect(without.toSorted()).toEqual(['mta', 'router']);
  const keys = lines.filter(([, { environment }]) => environment['AWS_SECRET_ACCESS_KEY'] === 'secret');
  expect(keys).toHaveLength(lines.length - without.length);
  expect(without.flatMap((name) => Object.keys(services[name]?.environment ?? {}).filter((one) => one.startsWith('AWS_')))).toEqual([]);
  // Without it nothing of it is set: an empty variable is none.
  expect(compose().services['gateway']?.environment['CONTENT_URL']).toBe('');
});

test('with a certificate the gateway opens submission, without one it does not', async () => {
  const folder = './compose/tls';
  const { services, volumes } = readCompose({ ...secrets, MAILRAIL_TLS_DIR: folder });
  expect(await composeFaults({ ...compose(), services, volumes }, stages)).toEqual([]);
  const ways = (of: Compose['services']) => {
    const { TLS_CERT, SUBMISSION_PORT, SUBMISSIONS_PORT, SMTP_PORT, LMTP_PORT, HTTP_PORT } = of['gateway']?.environment ?? {};
    return [TLS_CERT, SUBMISSION_PORT, SUBMISSIONS_PORT, SMTP_PORT, LMTP_PORT, HTTP_PORT];
  };
  expect(ways(services)).toEqual(['/etc/mailrail-tls/tls.crt', '2587', '2465', '2525', '2424', '8025']);
  expect(ways(compose().services)).toEqual(['', '', '', '2525', '2424', '8025']);
  expect(services['gateway']?.volumes).toContain(`${folder}:/etc/mailrail-tls:ro`);
});

test('a location that is none is seen', async () => {
  const { services, volumes } = readCompose({ ...secrets, ...bucket, MAILRAIL_CONTENT_URL: 's3://mail/corp?endpiont=http://s3:7070' });
  expect((await composeFaults({ ...compose(), services, volumes }, stages)).join('\n')).toContain('endpiont');
});

test('every password must be given', () => {
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) expect(() => readCompose({ ...secrets, [name]: '' })).toThrow(`${name} must be set`);
});

test('a field that is not known is an error', () => {
  const source = readFileSync(path.join(deploy, 'compose.yaml'), 'utf8');
  expect(() => readCompose(secrets, source.replace('read_only: true', 'readonly: true'))).toThrow('readonly');
  expect(() => readCompose(secrets, `${source}\nnetworks: {}\n`)).toThrow('networks is not known here');
});

const mistakes: { name: string; make: (services: Record<string, Service>, compose: Compose) => unknown; says: string }[] = [
  { name: 'a stage that is missing', make: (services) => delete services['router'], says: 'no service runs services/router/src/main.ts' },
  {
    name: 'a role that is missing',
    make: (services) => services['store-driver-deliver']?.command?.pop(),
    says: 'no service runs services/store-driver/src/main.ts deliver',
  },
  {
    name: 'a writable root',
    make: (services) => Object.assign(services['mta'] ?? {}, { read_only: false }),
    says: 'mta: may write to its root',
  },
  { name: 'capabilities', make: (services) => services['redis']?.cap_drop.pop(), says: 'redis: keeps capabilities' },
  { name: 'privileges', make: (services) => services['mta']?.security_opt.pop(), says: 'mta: may gain privileges' },
  {
    name: 'no health check',
    make: (services) => Object.assign(services['mta'] ?? {}, { healthcheck: { disable: true } }),
    says: 'mta: has no health check',
  },
  {
    name: 'a floating tag',
    make: (services) => Object.assign(services['redis'] ?? {}, { image: 'redis:latest' }),
    says: 'redis: image redis:latest',
  },
  { name: 'an open port', make: (services) => services['rabbitmq']?.ports.push('5672:5672'), says: 'rabbitmq: 5672:5672 is open' },
  {
    name: 'a listener that nobody reaches',
    make: (services) => services['gateway']?.ports.splice(1, 1),
    says: 'gateway: LMTP_PORT 2424 is not published',
  },
  {
    name: 'submission in clear',
    make: (services) => Object.assign(services['gateway']?.environment ?? {}, { SUBMISSION_PORT: '2587' }),
    says: 'gateway: has submission without a certificate',
  },
  {
    name: 'a certificate that is not there',
    make: (services) => Object.assign(services['gateway']?.environment ?? {}, { TLS_CERT: '/none/tls.crt', TLS_KEY: '/none/tls.key' }),
    says: 'gateway: /none/tls.crt is on no volume',
  },
  {
    name: 'no wait for the topology',
    make: (services) => delete services['mta']?.depends_on['topology'],
    says: 'mta: does not wait for the topology',
  },
  { name: 'a volume that is not there', make: (_, compose) => delete compose.volumes['mail'], says: 'gateway: there is no mail to mount' },
  {
    name: 'a file that is not there',
    make: (services) => services['mta']?.volumes.push('./compose/none:/x:ro'),
    says: 'mta: there is no ./compose/none',
  },
  {
    name: 'killed before the drain',
    make: (services) => Object.assign(services['mta'] ?? {}, { stop_grace_period: '5s' }),
    says: 'mta: is killed before',
  },
  {
    name: 'a variable nobody knows',
    make: (services) => Object.assign(services['mta']?.environment ?? {}, { PREFTECH: '1' }),
    says: 'mta: nobody knows the variable PREFTECH',
  },
  { name: 'a variable that is missing', make: (services) => delete services['gateway']?.environment['API_KEY'], says: 'API_KEY' },
];
describe('a mistake is seen', () => {
  test.each(mistakes)('$name', async ({ make, says }) => {
    const spoiled = structuredClone(compose());
    make(spoiled.services, spoiled);
    expect((await composeFaults(spoiled, stages)).join('\n')).toContain(says);
  });
});
