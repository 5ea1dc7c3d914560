import { tlsListeners } from './environment.ts';
import { paths, ports, secrets, servicePorts } from './facts.ts';
import { generatedFile, kustomization, type Manifest } from './manifest.ts';
import { environment, operations } from './store-files.ts';

const withTls = ['submission', 'submissions'] as const;

/**
 * The component that gives the gateway a certificate: STARTTLS everywhere, submission behind it (587) and inside TLS from the first
 * byte (465, RFC 8314), and with closed networks the way in to both. Who makes the Secret is not its business.
 */
export function gatewayTlsFiles(): Map<string, string> {
  const folder = 'components/gateway-tls';
  const container = '/spec/template/spec/containers/0';
  const policy: Manifest = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'gateway-submission' },
    spec: {
      podSelector: { matchLabels: { 'app.kubernetes.io/component': 'gateway' } },
      policyTypes: ['Ingress'],
      ingress: [{ ports: withTls.map((port) => ({ protocol: 'TCP', port })) }],
    },
  };
  return new Map([
    [
      `${folder}/kustomization.yaml`,
      kustomization(
        {
          kind: 'Component',
          patches: [
            {
              target: { kind: 'Deployment', name: 'gateway' },
              patch: operations([
                // 0440 in decimal: YAML versions differ on how they read the octal form.
                { path: '/spec/template/spec/volumes/-', value: { name: 'tls', secret: { secretName: secrets.tls, defaultMode: 0o440 } } },
                { path: `${container}/volumeMounts/-`, value: { name: 'tls', mountPath: paths.tls, readOnly: true } },
                ...environment(tlsListeners),
                ...withTls.map((name) => ({ path: `${container}/ports/-`, value: { name, containerPort: ports[name] } })),
              ]),
            },
            {
              target: { kind: 'Service', name: 'gateway' },
              patch: operations(
                withTls.map((name) => ({ path: '/spec/ports/-', value: { name, port: servicePorts[name], targetPort: name } })),
              ),
            },
          ],
        },
        `A certificate from the Secret ${secrets.tls} for every listener of the gateway, and submission, which is not open without one.`,
      ),
    ],
    [`${folder}/network-policies/kustomization.yaml`, kustomization({ kind: 'Component', resources: ['policy.yaml'] })],
    [`${folder}/network-policies/policy.yaml`, generatedFile([policy])],
  ]);
}
