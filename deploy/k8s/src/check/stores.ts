import { z } from 'zod';
import { factsOf } from '../facts.ts';
import { podSpecsOf } from '../kustomize/references.ts';
import type { Manifest } from '../manifest.ts';
import { storePorts } from '../store-files.ts';
import { matches, podLabels } from './selectors.ts';

const Commanded = z.looseObject({
  command: z.array(z.string()).default([]),
  volumeMounts: z.array(z.looseObject({ mountPath: z.string() })).default([]),
});
const Claiming = z.looseObject({ persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional() });
const Data = z.record(z.string(), z.string());
const Policy = z.looseObject({
  podSelector: z.looseObject({ matchLabels: Data.default({}) }),
  policyTypes: z.array(z.string()).default([]),
  egress: z
    .array(
      z.looseObject({
        to: z.array(z.unknown()).optional(),
        ports: z.array(z.looseObject({ port: z.union([z.number(), z.string()]) })).default([]),
      }),
    )
    .default([]),
});

/** What only some may know: from a Secret, and nowhere else. */
const secretVariables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'LDAP_PASSWORD'];
const claimOfVolume = 'mailrail-mail';

/**
 * Whether the pods of one line can reach the stores that their settings name, and no others: folders lie on a volume, an overlay
 * whose stores are elsewhere claims none, keys are references to secrets and go to those that need them, and closed networks open
 * a way for these alone.
 *
 * @param manifests of one namespace.
 * @returns one line for each fault.
 */
export function storeFaults(manifests: readonly Manifest[]): string[] {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy').map((one) => Policy.parse(one['spec']));
  const isClosed = policies.some(
    ({ podSelector, policyTypes, egress }) =>
      Object.keys(podSelector.matchLabels).length === 0 && policyTypes.includes('Egress') && egress.length === 0,
  );
  const faults: string[] = [];
  let claims = false;
  for (const manifest of manifests.filter(({ kind }) => kind === 'Deployment')) {
    const [spec] = podSpecsOf(manifest);
    const [container] = spec?.containers ?? [];
    const { command, volumeMounts } = Commanded.parse(container ?? {});
    const service = /^services\/(.*)\/src\/main\.ts$/.exec(command[1] ?? '')?.[1];
    if (service === undefined) continue;
    const say = (what: string) => faults.push(`${manifest.metadata.name}: ${what}`);
    const { values, secret } = environmentOf(container, manifests);
    const needs = {
      content: factsOf(service).bodies,
      mailboxes: service === 'store-driver' && command[2] === 'deliver',
      directory: factsOf(service).directory,
    };

    for (const name of secretVariables) if (values[name] !== undefined) say(`${name} stands in the open`);
    const given = [...Object.keys(values), ...secret];
    const keys = secret.filter((name) => name.startsWith('AWS_'));
    if (keys.length > 0 && !(needs.content && values['CONTENT_URL'] !== undefined)) say(`has ${keys.join(', ')} and no use for it`);
    if (keys.length === 1) say(`has ${keys[0]} alone`);
    const ofDirectory = given.filter((name) => name.startsWith('LDAP_'));
    // A gateway asks, too, where a listener looks recipients up.
    if (ofDirectory.length > 0 && !needs.directory && service !== 'gateway')
      say(`has ${ofDirectory.join(', ')}, which those alone may have who ask the directory`);

    const claimsVolume = z
      .array(Claiming)
      .parse(spec?.volumes ?? [])
      .some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claimOfVolume);
    claims ||= claimsVolume;
    const isMounted = (folder: string) => volumeMounts.some(({ mountPath }) => folder.startsWith(`${mountPath}/`));
    for (const [need, url, folder] of [
      ['content', 'CONTENT_URL', 'CONTENT_DIR'],
      ['mailboxes', 'MAILBOX_URL', 'MAILBOX_DIR'],
    ] as const) {
      if (!needs[need] || values[url] !== undefined) continue;
      if (!isMounted(values[folder] ?? '')) say(`${folder} ${values[folder] ?? ''} is on no volume`);
    }
    const isElsewhere = values['CONTENT_URL'] !== undefined && values['MAILBOX_URL'] !== undefined;
    if (claimsVolume && isElsewhere) say(`claims ${claimOfVolume}, and its stores are elsewhere`);

    if (!isClosed) continue;
    const open = new Set(
      policies
        .filter(({ podSelector, policyTypes }) => policyTypes.includes('Egress') && matches(podSelector.matchLabels, podLabels(manifest)))
        .flatMap(({ egress }) => egress.filter(({ to }) => to === undefined).flatMap(({ ports }) => ports.map(({ port }) => port))),
    );
    const wanted = {
      content: needs.content ? portOfBucket(values['CONTENT_URL']) : [],
      mailboxes: needs.mailboxes ? portsOf(values['MAILBOX_URL'], { 'lmtp:': 24, 'lmtps:': 24 }) : [],
      directory: needs.directory ? portsOf(values['DIRECTORY_URL'], { 'ldap:': 389, 'ldaps:': 636 }) : [],
    };
    for (const what of ['content', 'mailboxes', 'directory'] as const) {
      for (const port of wanted[what]) if (!open.has(port)) say(`may not go to port ${port}, where its ${what} is`);
      const needless = storePorts[what].filter((port) => open.has(port));
      if (wanted[what].length === 0 && needless.length > 0) say(`may go to port ${needless.join(', ')} and has no ${what} there`);
    }
  }
  if (!claims && manifests.some(({ kind, metadata }) => kind === 'PersistentVolumeClaim' && metadata.name === claimOfVolume))
    faults.push(`${claimOfVolume} is claimed, and no pod uses it`);
  return faults;
}

/** Variables with their values, and names of those that come from secrets. */
function environmentOf(
  container: NonNullable<ReturnType<typeof podSpecsOf>[number]['containers']>[number] | undefined,
  manifests: readonly Manifest[],
) {
  const values: Record<string, string> = {};
  const secret: string[] = [];
  for (const { configMapRef } of container?.envFrom ?? []) {
    const map = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name);
    Object.assign(values, Data.parse(map?.['data'] ?? {}));
  }
  for (const { name, value, valueFrom } of container?.env ?? []) {
    if (valueFrom?.secretKeyRef === undefined) values[name] = value ?? '';
    else secret.push(name);
  }
  return { values, secret };
}

function portOfBucket(location: string | undefined): number[] {
  if (location === undefined) return [];
  const endpoint = new URL(location).searchParams.get('endpoint');
  return endpoint === null ? [443] : portsOf(endpoint, { 'http:': 80, 'https:': 443 });
}

/** Ports of addresses with blanks between; of a file, none. */
function portsOf(addresses: string | undefined, usual: Readonly<Record<string, number>>): number[] {
  const found = (addresses ?? '').split(' ').flatMap((address) => {
    if (!URL.canParse(address)) return [];
    const { protocol, port } = new URL(address);
    const standard = usual[protocol];
    return standard === undefined ? [] : [port === '' ? standard : Number(port)];
  });
  return [...new Set(found)];
}
