import { describe, expect, test } from '@jest/globals';
import { storeFaults } from '../src/check/stores.ts';
import type { Manifest } from '../src/manifest.ts';
import { overlay, overlays } from './support/overlays.ts';

const lines = Object.entries(overlays).flatMap(([name, some]) => some.map((line) => ({ name, ...line })));

describe('every pod reaches the stores of its line, and no others', () => {
  test.each(lines)('$name: $organization', ({ name, namespace }) => {
    expect(storeFaults(overlay(name).filter(({ metadata }) => metadata.namespace === namespace))).toEqual([]);
  });
});

test('stores elsewhere need no shared volume', () => {
  const claims = (name: string) => overlay(name).filter(({ kind }) => kind === 'PersistentVolumeClaim');
  expect(claims('production').map(({ metadata }) => metadata.name)).toEqual(['mailrail-in']);
  expect(claims('small').map(({ metadata }) => metadata.name)).toContain('mailrail-mail');
});

// The mistakes write where no type lets them: that is the point.
// oxlint-disable-next-line typescript/no-explicit-any
type Anything = any;
const container = (manifest: Anything) => manifest.spec.template.spec.containers[0];
const named = (all: Manifest[], kind: string, name: string): Anything => {
  const found = all.find((one) => one.kind === kind && (one.metadata.name === name || one.metadata.name.startsWith(`${name}-`)));
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};
const fromSecret = (name: string) => ({ name, valueFrom: { secretKeyRef: { name: 'any', key: 'any' } } });

const mistakes: { name: string; on: string; make: (all: Manifest[]) => unknown; says: string }[] = [
  {
    name: 'a key in the open',
    on: 'production',
    make: (all) => (named(all, 'ConfigMap', 'mailrail-settings').data.AWS_SECRET_ACCESS_KEY = 'x'),
    says: 'router: AWS_SECRET_ACCESS_KEY stands in the open',
  },
  {
    name: 'a password in the open',
    on: 'production',
    make: (all) => (named(all, 'ConfigMap', 'mailrail-directory').data.LDAP_PASSWORD = 'x'),
    says: 'categorizer: LDAP_PASSWORD stands in the open',
  },
  {
    name: 'keys of the bucket where no body is read',
    on: 'production',
    make: (all) =>
      container(named(all, 'Deployment', 'router')).env.push(fromSecret('AWS_ACCESS_KEY_ID'), fromSecret('AWS_SECRET_ACCESS_KEY')),
    says: 'router: has AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and no use for it',
  },
  {
    name: 'half a login',
    on: 'production',
    make: (all) => {
      const one = container(named(all, 'Deployment', 'gateway'));
      one.env = one.env.filter((entry: Anything) => entry.name !== 'AWS_SECRET_ACCESS_KEY');
    },
    says: 'gateway: has AWS_ACCESS_KEY_ID alone',
  },
  {
    name: 'the directory’s password at another stage',
    on: 'production',
    make: (all) => container(named(all, 'Deployment', 'router')).env.push(fromSecret('LDAP_PASSWORD')),
    says: 'router: has LDAP_PASSWORD, which those alone may have who ask the directory',
  },
  {
    name: 'a folder on no volume',
    on: 'small',
    make: (all) => {
      const one = container(named(all, 'Deployment', 'gateway'));
      one.volumeMounts = one.volumeMounts.filter((mount: Anything) => mount.name !== 'mail');
    },
    says: 'gateway: CONTENT_DIR /var/lib/mailrail/content is on no volume',
  },
  {
    name: 'mailboxes on no volume',
    on: 'production',
    make: (all) => delete named(all, 'ConfigMap', 'mailrail-settings').data.MAILBOX_URL,
    says: 'store-driver-deliver: MAILBOX_DIR  is on no volume',
  },
  {
    name: 'a volume that stores elsewhere do not need',
    on: 'small',
    make: (all) =>
      Object.assign(named(all, 'ConfigMap', 'mailrail-settings').data, { CONTENT_URL: 's3://mail/corp', MAILBOX_URL: 'lmtp://dovecot' }),
    says: 'claims mailrail-mail, and its stores are elsewhere',
  },
  {
    name: 'a claim that no pod uses',
    on: 'production',
    make: (all) => (named(all, 'PersistentVolumeClaim', 'mailrail-in').metadata.name = 'mailrail-mail'),
    says: 'mailrail-mail is claimed, and no pod uses it',
  },
  {
    name: 'a bucket at a port that is closed',
    on: 'production',
    make: (all) => (named(all, 'ConfigMap', 'mailrail-settings').data.CONTENT_URL = 's3://mail/corp?endpoint=http://minio:9000'),
    says: 'connector-smtp-internet: may not go to port 9000, where its content is',
  },
  {
    name: 'no way to the mailboxes',
    on: 'production',
    make: (all) => all.splice(all.indexOf(named(all, 'NetworkPolicy', 'mailboxes')), 1),
    says: 'store-driver-deliver: may not go to port 24, where its mailboxes is',
  },
  {
    name: 'no way to the directory',
    on: 'production',
    make: (all) => all.splice(all.indexOf(named(all, 'NetworkPolicy', 'directory')), 1),
    says: 'categorizer: may not go to port 636, where its directory is',
  },
  {
    name: 'a way to the bucket for everybody',
    on: 'production',
    make: (all) => (named(all, 'NetworkPolicy', 'bodies').spec.podSelector.matchLabels = { 'app.kubernetes.io/part-of': 'mailrail' }),
    says: 'router: may go to port 443 and has no content there',
  },
  {
    name: 'a way to the directory for everybody',
    on: 'production',
    make: (all) => (named(all, 'NetworkPolicy', 'directory').spec.podSelector.matchLabels = { 'app.kubernetes.io/part-of': 'mailrail' }),
    says: 'gateway: may go to port 389, 636, 3268, 3269 and has no directory there',
  },
];
describe('a mistake is seen', () => {
  test.each(mistakes)('$name', ({ on, make, says }) => {
    const manifests = overlay(on);
    make(manifests);
    expect(storeFaults(manifests).join('\n')).toContain(says);
  });
});
