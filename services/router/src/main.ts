import { CategorizedMail, noHooks } from '@mailrail/contracts';
import { loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { Config } from './config.ts';
import { route } from './route.ts';

/** Starts the routing engine. @throws ConfigError naming every wrong variable. */
export async function start(env: NodeJS.ProcessEnv): Promise<Running> {
  const config = loadConfig(Config, env);
  const base = await openStage('router', config);

  return runService({
    ...base,
    config,
    stage: 'router',
    station: 'aq.post-categorization',
    consumes: CategorizedMail,
    handle: (mail) => route(mail, { organization: base.organization.current(), hooks: noHooks }),
  });
}

await runAsProcess(import.meta, start);
