import { AcceptedMail, noHooks } from '@mailrail/contracts';
import { membershipIn, openCachedDirectory } from '@mailrail/directory';
import { loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { directoryRoutes } from './admin.ts';
import { categorize } from './categorize.ts';
import { Config } from './config.ts';

/** Starts the categorizer. @throws ConfigError naming every wrong variable, or every mistake in the directory file or in how its servers are named. */
export async function start(env: NodeJS.ProcessEnv): Promise<Running> {
  const config = loadConfig(Config, env);
  const base = await openStage('categorizer', config);
  const { log, metrics, organization, ledger, content } = base;
  const { DIRECTORY_URL: url, DIRECTORY_POLL_MS: pollMs, DIRECTORY_TIMEOUT_MS: timeoutMs } = config;
  const redisUrl = config.DIRECTORY_CACHE === 'redis' ? config.REDIS_URL : undefined;
  const directory = await openCachedDirectory({ url, env, redisUrl, pollMs, timeoutMs, log, metrics });
  const membership = membershipIn(directory);

  return runService({
    ...base,
    config,
    stage: 'categorizer',
    station: 'aq.pre-categorization',
    consumes: AcceptedMail,
    handle: (mail, { now }) =>
      categorize(mail, {
        directory,
        membership,
        organization: organization.current(),
        ledger,
        content,
        hooks: noHooks,
        now,
        possibleDuplicate: (cause) => metrics.possibleDuplicates.inc({ cause }),
      }),
    adminRoutes: directoryRoutes({ directory, organization }),
    close: () => directory.close(),
  });
}

await runAsProcess(import.meta, start);
