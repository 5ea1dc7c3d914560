import { runConnector, systemDns } from '@mailrail/hand-over';
import { loadConfig, type Running, runAsProcess } from '@mailrail/pipeline';
import { Config } from './config.ts';

/**
 * Starts one SMTP connector.
 *
 * @param name of the connector in organization.yaml; default CONNECTOR_NAME.
 * @throws ConfigError naming every wrong variable, or the connector that is not there.
 */
export async function start(env: NodeJS.ProcessEnv, name?: string): Promise<Running> {
  const config = loadConfig(Config, env);
  return runConnector({
    kind: 'smtp',
    name: name ?? config.CONNECTOR_NAME,
    config,
    secrets: (settings) => ({
      caFile: config.TLS_CA,
      password: settings.kind === 'smtp' && settings.passwordEnv !== undefined ? env[settings.passwordEnv] : undefined,
    }),
    dns: systemDns({ servers: config.DNS_SERVERS?.split(',') ?? [] }),
  });
}

await runAsProcess(import.meta, start);
