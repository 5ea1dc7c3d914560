import { describe, expect, test } from '@jest/globals';
import { wayInFaults } from '../src/check/ways-in.ts';
import type { Manifest } from '../src/manifest.ts';
import { overlay, overlays, secretsMadeElsewhere } from './support/overlays.ts';

const lines = Object.entries(overlays).flatMap(([name, some]) => some.map((line) => ({ name, ...line })));

describe('every way into the gateway is open from end to end, to those who may come', () => {
  test.each(lines)('$name: $organization', ({ name, namespace }) => {
    const manifests = overlay(name).filter(({ metadata }) => metadata.namespace === namespace);
    expect(wayInFaults(manifests, secretsMadeElsewhere(manifests))).toEqual([]);
  });
});

// oxlint-disable-next-line typescript/no-explicit-any
type Anything = any;
const named = (all: readonly Manifest[], kind: string, name: string): Anything => {
  const found = all.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};
const gateway = (all: readonly Manifest[]) => named(all, 'Deployment', 'gateway').spec.template.spec;
const container = (all: readonly Manifest[]) => gateway(all).containers[0];
const without = (list: Anything[], name: string) => list.filter((one) => one.name !== name);
const portOf = (all: readonly Manifest[], service: string, name: string) =>
  named(all, 'Service', service).spec.ports.find((one: Anything) => one.name === name);

test('what each overlay opens, and where', () => {
  const open = (name: string) =>
    overlay(name)
      .filter(({ kind, metadata }) => kind === 'Service' && metadata.name.startsWith('gateway'))
      .flatMap(({ metadata, spec }: Anything) =>
        spec.ports.map((one: Anything) => `${metadata.name} ${spec.type} ${one.name} ${one.port}`),
      );
  expect(open('local')).toEqual([
    'gateway ClusterIP smtp 25',
    'gateway-lmtp ClusterIP lmtp 24',
    'gateway-http ClusterIP http 80',
    'gateway-site ClusterIP site 2528',
  ]);
  const closed = [
    'gateway LoadBalancer smtp 25',
    'gateway LoadBalancer submission 587',
    'gateway LoadBalancer submissions 465',
    'gateway-lmtp ClusterIP lmtp 24',
    'gateway-http ClusterIP http 80',
    'gateway-site ClusterIP site 2528',
  ];
  expect(open('small')).toEqual(closed);
  expect(open('production')).toEqual(closed);
});

test('certificates: by hand in one overlay, by cert-manager in another, for the Ingress as well', () => {
  const secretOf = (name: string) => gateway(overlay(name)).volumes.find((one: Anything) => one.name === 'tls').secret.secretName;
  expect(secretOf('small')).toBe('mailrail-tls');
  expect(overlay('small').filter(({ kind }) => kind === 'Certificate')).toEqual([]);
  expect(named(overlay('production'), 'Certificate', 'gateway').spec.secretName).toBe(secretOf('production'));
  const { metadata } = named(overlay('production'), 'Ingress', 'gateway-http');
  expect(metadata.annotations['cert-manager.io/cluster-issuer']).toBe('mailrail');
});

const mistakes: { name: string; make: (all: Manifest[]) => unknown; says: string }[] = [
  {
    name: 'a listener whose port the container does not have',
    make: (all) => (container(all).ports = without(container(all).ports, 'lmtp')),
    says: 'gateway: lmtp is no port of its container',
  },
  {
    name: 'another port than the one listened on',
    make: (all) => (container(all).ports.find((one: Anything) => one.name === 'submissions').containerPort = 465),
    says: 'gateway: submissions is port 465, and SUBMISSIONS_PORT says 2465',
  },
  {
    name: 'a Service for a way that is not open',
    make: (all) => (container(all).env = without(container(all).env, 'SUBMISSIONS_PORT')),
    says: 'gateway: submissions is offered, and SUBMISSIONS_PORT opens nothing',
  },
  {
    name: 'a way that no Service has',
    make: (all) => all.splice(all.indexOf(named(all, 'Service', 'gateway-lmtp')), 1),
    says: 'gateway: lmtp is on no Service',
  },
  {
    name: 'an unusual port',
    make: (all) => (portOf(all, 'gateway', 'submission').port = 2587),
    says: 'gateway: submission is at port 2587 of its Service, not at 587',
  },
  {
    name: 'submission without a certificate',
    make: (all) => (container(all).env = without(container(all).env, 'TLS_CERT')),
    says: 'gateway: submissions is open without a certificate',
  },
  {
    name: 'a certificate that is not there',
    make: (all) => (gateway(all).volumes = without(gateway(all).volumes, 'tls')),
    says: 'gateway: TLS_CERT /etc/mailrail-tls/tls.crt is in no secret',
  },
  {
    name: 'the HTTP API in clear for the world',
    make: (all) => (named(all, 'Service', 'gateway-http').spec.type = 'LoadBalancer'),
    says: 'gateway: http is on gateway-http, which is open to the world',
  },
  {
    name: 'LMTP beside SMTP, on the load balancer',
    make: (all) => named(all, 'Service', 'gateway').spec.ports.push({ name: 'lmtp', port: 24, targetPort: 'lmtp' }),
    says: 'gateway: lmtp is on more than one Service',
  },
  {
    name: 'no policy lets clients submit',
    make: (all) => all.splice(all.indexOf(named(all, 'NetworkPolicy', 'gateway-submission')), 1),
    says: 'gateway: submissions is let in by no policy',
  },
  {
    name: 'no policy lets mail servers in',
    make: (all) => named(all, 'NetworkPolicy', 'gateway-neighbours').spec.ingress.shift(),
    says: 'gateway: lmtp is let in by no policy',
  },
  {
    name: 'everybody may hand over by LMTP',
    make: (all) => delete named(all, 'NetworkPolicy', 'gateway-neighbours').spec.ingress[0].from,
    says: 'gateway: lmtp is let in from everywhere',
  },
  {
    name: 'SMTP for some only',
    make: (all) => (named(all, 'NetworkPolicy', 'gateway').spec.ingress[0].from = [{ podSelector: {} }]),
    says: 'gateway: smtp is let in from some places only',
  },
  {
    name: 'an Ingress in clear',
    make: (all) => delete named(all, 'Ingress', 'gateway-http').spec.tls,
    says: 'Ingress gateway-http: mail.corp.example is in clear',
  },
  {
    name: 'an Ingress that leads nowhere',
    make: (all) => (portOf(all, 'gateway-http', 'http').name = 'api'),
    says: 'Ingress gateway-http: there is no Service gateway-http with the port http',
  },
  {
    name: 'an Ingress with a certificate nobody makes',
    make: (all) => (named(all, 'Ingress', 'gateway-http').spec.tls[0].secretName = 'nobodys'),
    says: 'Ingress gateway-http: there is no Secret nobodys',
  },
];
describe('a mistake is seen', () => {
  test.each(mistakes)('$name', ({ make, says }) => {
    const manifests = overlay('production');
    const secrets = secretsMadeElsewhere(manifests);
    make(manifests);
    expect(wayInFaults(manifests, secrets).join('\n')).toContain(says);
  });
});
