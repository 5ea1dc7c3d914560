import { ForeignMessage } from '@mailrail/contracts';
import { directoryOnDemand } from '@mailrail/directory';
import { loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { plainAddressMap } from './address-map.ts';
import { Config } from './config.ts';
import { dialectRegistry } from './dialects/dialect.ts';
import { foreignDialects } from './dialects/foreign.ts';
import { internet } from './dialects/internet.ts';
import { translate } from './translate.ts';

/** Starts the translator. @throws ConfigError naming every wrong variable. */
export async function start(env: NodeJS.ProcessEnv): Promise<Running> {
  const config = loadConfig(Config, env);
  const base = await openStage('translator', config);
  const { DIRECTORY_URL: url, REDIS_URL: redisUrl } = config;
  const { log, metrics } = base;
  const directory = url === undefined ? undefined : directoryOnDemand({ url, redisUrl, env, log, metrics });
  const dialects = dialectRegistry([internet, ...foreignDialects(base.content)]);

  return runService({
    ...base,
    config,
    stage: 'translator',
    station: 'gateway.in',
    consumes: ForeignMessage,
    handle: (mail) =>
      translate(mail, {
        dialects,
        content: base.content,
        addresses: plainAddressMap,
        organization: base.organization.current(),
        directory,
      }),
    close: async () => directory?.close(),
  });
}

await runAsProcess(import.meta, start);
