import { readFileSync } from 'node:fs';
import path from 'node:path';
import { topologyOf } from '@mailrail/topology';
import { z } from 'zod';
import { render } from '../../src/kustomize/render.ts';
import type { Manifest } from '../../src/manifest.ts';
import { readOrganization } from '../../src/organization-files.ts';

export const repository = path.join(import.meta.dirname, '..', '..', '..', '..');
export const k8s = path.join(repository, 'k8s');

/** Overlay -> the organizations of its lines, a namespace each. */
export const overlays: Readonly<Record<string, readonly { organization: string; namespace: string }[]>> = {
  local: [{ organization: 'corp', namespace: 'mailrail' }],
  small: [{ organization: 'corp', namespace: 'mailrail' }],
  production: [{ organization: 'corp', namespace: 'mailrail' }],
  'two-sites': [
    { organization: 'london', namespace: 'mailrail-london' },
    { organization: 'paris', namespace: 'mailrail-paris' },
  ],
};

const rendered = new Map<string, Manifest[]>();

/** The documents of an overlay; a copy of its own for each caller, which may spoil it. */
export function overlay(name: string): Manifest[] {
  const known = rendered.get(name) ?? render(path.join(k8s, 'overlays', name));
  rendered.set(name, known);
  return structuredClone(known);
}

export function settingsOf(organization: string) {
  const file = path.join(k8s, 'organizations', organization, 'organization.yaml');
  return readOrganization(readFileSync(file, 'utf8'), file).settings;
}

export function topologyOfOrganization(organization: string) {
  return topologyOf(settingsOf(organization).connectors);
}

/** Secrets that k8s/README.md tells to make, and those that operators make. */
export const secretsMadeElsewhere = (manifests: readonly Manifest[]): string[] => {
  const readme = readFileSync(path.join(k8s, 'README.md'), 'utf8');
  const byHand = [...readme.matchAll(/^\| `(mailrail-[a-z-]+)` \|/gm)].map(([, name = '']) => name);
  const byOperators = manifests.flatMap((one) => {
    if (one.kind === 'User') return [`${one.metadata.name}-user-credentials`];
    return one.kind === 'Certificate' ? [z.looseObject({ secretName: z.string() }).parse(one['spec']).secretName] : [];
  });
  return [...byHand, ...byOperators];
};
