import { type EnvironmentEntry, fromSecret, volumeSettings } from './environment.ts';
import { paths, secrets } from './facts.ts';
import { asksDirectory, partOfLine, worksOnBodies } from './labels.ts';
import { generatedFile, kustomization, type Manifest } from './manifest.ts';

/** Ports by which a store is reached outside the line; overlays that use others change the policy. */
export const storePorts = {
  /** S3 over HTTPS. */
  content: [443],
  /** LMTP: where RFC 2033 servers usually listen, and TLS from the first byte. */
  mailboxes: [24, 2003],
  /** LDAP, LDAP over TLS, and the global catalogue of an Active Directory by both. */
  directory: [389, 636, 3268, 3269],
} as const;

/** What the pods of an overlay remember, and where: a component each, and with closed networks the way out to it. */
export function storeFiles(): Map<string, string> {
  const bodies = deploymentsWith(worksOnBodies);
  // All of them: a stage that reads no body looks for the folder, too, when it starts.
  const stages = deploymentsWith(partOfLine);
  const deliver = 'store-driver-deliver';
  return new Map([
    ['components/stores-volume/claim.yaml', generatedFile([claim])],
    [
      'components/stores-volume/kustomization.yaml',
      kustomization(
        {
          kind: 'Component',
          resources: ['claim.yaml'],
          configMapGenerator: [{ name: 'mailrail-settings', behavior: 'merge', literals: volumeSettings }],
          patches: [
            {
              target: stages,
              patch: operations([
                { path: '/spec/template/spec/volumes/-', value: { name: 'mail', persistentVolumeClaim: { claimName: claimName } } },
                { path: '/spec/template/spec/containers/0/volumeMounts/-', value: { name: 'mail', mountPath: paths.mail } },
              ]),
            },
          ],
        },
        'Bodies and mailboxes on one file system that every pod mounts: a delivery is a hard link from one to the other.',
      ),
    ],
    [
      'components/content-s3/kustomization.yaml',
      kustomization(
        { kind: 'Component', patches: [{ target: bodies, patch: operations(environment(contentKeys)) }] },
        'Keys of the bucket for the pods that read or write bodies. The overlay sets CONTENT_URL. Left out where pods have a role.',
      ),
    ],
    ...egress('content-s3', 'bodies', worksOnBodies, storePorts.content),
    ...egress('mailboxes-lmtp', 'mailboxes', { 'app.kubernetes.io/name': deliver }, storePorts.mailboxes),
    [
      'components/directory-ldap/kustomization.yaml',
      kustomization(
        {
          kind: 'Component',
          patches: [
            {
              target: deploymentsWith(asksDirectory),
              patch: operations([
                ...environment([fromSecret('LDAP_PASSWORD', secrets.directory, 'password')]),
                { path: '/spec/template/spec/containers/0/envFrom/-', value: { configMapRef: { name: secrets.directory } } },
              ]),
            },
          ],
        },
        'For those alone who ask directory servers. The overlay makes a ConfigMap and a Secret, both named mailrail-directory.',
      ),
    ],
    ...egress('directory-ldap', 'directory', asksDirectory, storePorts.directory),
  ]);
}

function deploymentsWith(label: Readonly<Record<string, string>>): { kind: 'Deployment'; labelSelector: string } {
  const labelSelector = Object.entries(label)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  return { kind: 'Deployment', labelSelector };
}

/** The two variables by which the AWS SDK knows who it is. */
export const contentKeys: readonly EnvironmentEntry[] = [
  fromSecret('AWS_ACCESS_KEY_ID', secrets.content, 'access-key-id'),
  fromSecret('AWS_SECRET_ACCESS_KEY', secrets.content, 'secret-access-key'),
];

const claimName = 'mailrail-mail';
const claim: Manifest = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: claimName, labels: partOfLine },
  spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '100Gi' } } },
};

export const environment = (entries: readonly EnvironmentEntry[]) =>
  entries.map((value) => ({ path: '/spec/template/spec/containers/0/env/-', value }));

/** A JSON patch that adds. */
export function operations(adds: readonly { path: string; value: unknown }[]): string {
  return adds.map(({ path, value }) => `- ${JSON.stringify({ op: 'add', path, value })}\n`).join('');
}

/** A way out for some pods, in a folder of its own: without `components/network-policies` it would be their only one. */
function egress(component: string, name: string, pods: Readonly<Record<string, string>>, ports: readonly number[]): [string, string][] {
  const policy: Manifest = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec: {
      podSelector: { matchLabels: pods },
      policyTypes: ['Egress'],
      egress: [{ ports: ports.map((port) => ({ protocol: 'TCP', port })) }],
    },
  };
  const folder = `components/${component}/network-policies`;
  return [
    [`${folder}/kustomization.yaml`, kustomization({ kind: 'Component', resources: ['policy.yaml'] })],
    [`${folder}/policy.yaml`, generatedFile([policy])],
  ];
}
