import { RoutedMail } from '@mailrail/contracts';
import type { ConnectorSettings } from '@mailrail/organization';
import { ConfigError, openStage, type Running, runService, type ServiceConfig } from '@mailrail/pipeline';
import { openConnector } from './connector.ts';
import { type ConnectorSecrets, connectorSource } from './connector-settings.ts';
import { type Dns, systemDns } from './dns.ts';
import { type SessionConfig, timeLimitsOf } from './session-config.ts';

export interface RunConnectorOptions {
  kind: ConnectorSettings['kind'];
  /** Of the connector; the first argument, or else CONNECTOR_NAME. */
  name: string | undefined;
  config: Omit<ServiceConfig, 'PREFETCH'> & SessionConfig;
  secrets: (settings: ConnectorSettings) => ConnectorSecrets;
  dns?: Dns;
}

/** The pipeline gives a handler this much longer than the connector gives itself. */
const graceMs = 60_000;

/**
 * Runs one connector as a service: takes the mails of `connector.<name>`, as many at once as the connector may have sessions.
 *
 * @throws ConfigError when there is no such connector, or what it needs is missing.
 */
export async function runConnector({ kind, name, config, secrets, dns = systemDns() }: RunConnectorOptions): Promise<Running> {
  if (name === undefined) throw new ConfigError('configuration: name the connector, as the first argument or in CONNECTOR_NAME');
  const stage = `connectors/${kind}.${name}`;
  const base = await openStage(stage, config);
  try {
    const source = connectorSource(base.organization, name, kind, secrets, base.log);
    const connector = openConnector({
      name,
      stage,
      now: source.now,
      store: base.content,
      ledger: base.ledger,
      log: base.log,
      metrics: base.metrics,
      site: kind === 'routing-group',
      dns,
      limits: timeLimitsOf(config),
      idleMs: config.SESSION_IDLE_MS,
      mailsPerSession: config.SESSION_MAILS,
      sessionLimitMs: config.SESSION_LIMIT_MS,
    });
    const { maxSessions } = source.now();
    return await runService({
      ...base,
      stage,
      station: `connector.${name}`,
      consumes: RoutedMail,
      // A bag may hold a single mail, and then it takes as many bags as there are sessions to use them all.
      config: { ...config, PREFETCH: config.PREFETCH ?? maxSessions },
      concurrency: maxSessions,
      ackAlone: true,
      handlerTimeoutMs: config.SESSION_LIMIT_MS + config.FINAL_TIMEOUT_MS + graceMs,
      schedule: () => source.now().schedule,
      handle: (mail, context) => connector.handle(mail, context),
      close: async () => connector.close(),
    });
  } catch (error) {
    base.organization.close();
    await base.ledger.close();
    throw error;
  }
}
