import { runConnector } from '@mailrail/hand-over';
import { loadConfig, type Running, runAsProcess } from '@mailrail/pipeline';
import { Config } from './config.ts';

/**
 * Starts one routing group connector: the way to another site.
 *
 * @param name of the connector in organization.yaml; default CONNECTOR_NAME.
 * @throws ConfigError naming every wrong variable, or the connector that is not there.
 */
export async function start(env: NodeJS.ProcessEnv, name?: string): Promise<Running> {
  const config = loadConfig(Config, env);
  return runConnector({
    kind: 'routing-group',
    name: name ?? config.CONNECTOR_NAME,
    config,
    secrets: () => ({
      password: config.SITE_SECRET,
      caFile: config.SITE_CA,
      certFile: config.TLS_CERT,
      keyFile: config.TLS_KEY,
    }),
  });
}

await runAsProcess(import.meta, start);
