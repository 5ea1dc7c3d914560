import type { ConnectorSettings } from '@mailrail/organization';
import { paths, ports, secrets } from './facts.ts';
import type { Workload } from './workloads.ts';

export type EnvironmentEntry =
  | { name: string; value: string }
  | { name: string; valueFrom: { secretKeyRef: { name: string; key: string; optional?: boolean } } };

/** Literals of the ConfigMap `mailrail-settings`, which every stage reads whole: each takes what it knows. Overlays change them. */
export const settings: readonly string[] = [
  'AMQP_HOST=rabbitmq',
  'AMQP_VHOST=%2F',
  'REDIS_HOST=redis',
  'LOG_LEVEL=info',
  'ADMIN_HOST=0.0.0.0',
  `ADMIN_PORT=${ports.admin}`,
  `ORGANIZATION_FILE=${paths.organization}/organization.yaml`,
  `DIRECTORY_URL=${paths.organization}/directory.ldif`,
];

/** What is added where bodies and mailboxes are on a volume that all pods mount. */
export const volumeSettings: readonly string[] = [`CONTENT_DIR=${paths.mail}/content`, `MAILBOX_DIR=${paths.mail}/mailboxes`];

export const fromSecret = (variable: string, name: string, key: string): EnvironmentEntry => ({
  name: variable,
  valueFrom: { secretKeyRef: { name, key } },
});

/**
 * How a process reaches the broker. The first two entries stay the first two: an overlay that gives each service a user of its own
 * changes the secret they name.
 */
export const brokerEnvironment: readonly EnvironmentEntry[] = [
  fromSecret('AMQP_USER', secrets.broker, 'username'),
  fromSecret('AMQP_PASSWORD', secrets.broker, 'password'),
  { name: 'AMQP_URL', value: 'amqp://$(AMQP_USER):$(AMQP_PASSWORD)@$(AMQP_HOST):5672/$(AMQP_VHOST)' },
];

const redisEnvironment: readonly EnvironmentEntry[] = [
  fromSecret('REDIS_PASSWORD', secrets.redis, 'password'),
  { name: 'REDIS_URL', value: 'redis://:$(REDIS_PASSWORD)@$(REDIS_HOST):6379' },
];

const listeners: readonly EnvironmentEntry[] = [
  { name: 'SMTP_HOST', value: '0.0.0.0' },
  { name: 'SMTP_PORT', value: String(ports.smtp) },
  { name: 'LMTP_PORT', value: String(ports.lmtp) },
  { name: 'SITE_PORT', value: String(ports.site) },
  fromSecret('SITE_SECRET', secrets.site, 'secret'),
  { name: 'HTTP_HOST', value: '0.0.0.0' },
  { name: 'HTTP_PORT', value: String(ports.http) },
  fromSecret('API_KEY', secrets.gateway, 'api-key'),
  { name: 'HTTP_ACCESS', valueFrom: { secretKeyRef: { name: secrets.gateway, key: 'http-access', optional: true } } },
  { name: 'IN_DIR', value: paths.in },
];

/** What a gateway with a certificate has besides: submission asks for a password, and none is asked for in clear over a network. */
export const tlsListeners: readonly EnvironmentEntry[] = [
  { name: 'TLS_CERT', value: `${paths.tls}/tls.crt` },
  { name: 'TLS_KEY', value: `${paths.tls}/tls.key` },
  { name: 'SUBMISSION_PORT', value: String(ports.submission) },
  { name: 'SUBMISSIONS_PORT', value: String(ports.submissions) },
  fromSecret('SUBMISSION_USER', secrets.gateway, 'submission-user'),
  fromSecret('SUBMISSION_PASSWORD', secrets.gateway, 'submission-password'),
];

/** Environment of one workload beside the shared settings. */
export function environmentOf({ service, role }: Workload, connectors: readonly ConnectorSettings[] = []): EnvironmentEntry[] {
  const own: EnvironmentEntry[] = [];
  if (service === 'gateway') own.push(...listeners);
  if (service === 'connectors/routing-group') own.push(fromSecret('SITE_SECRET', secrets.site, 'secret'));
  const connector = connectors.find(({ name }) => name === role);
  if (service === 'connectors/smtp' && connector?.kind === 'smtp' && connector.passwordEnv !== undefined) {
    own.push(fromSecret(connector.passwordEnv, `mailrail-connector-${connector.name}`, 'password'));
  }
  return [...brokerEnvironment, ...redisEnvironment, ...own];
}
