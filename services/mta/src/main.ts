import { TransferMail } from '@mailrail/contracts';
import { loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { stations } from '@mailrail/topology';
import { Config } from './config.ts';
import { transfer } from './transfer.ts';

/** Starts the MTA. @throws ConfigError naming every wrong variable. */
export async function start(env: NodeJS.ProcessEnv): Promise<Running> {
  const config = loadConfig(Config, env);
  const base = await openStage('mta', config);
  const { lanes } = stations['mta.smtp'];

  return runService({
    ...base,
    config,
    stage: 'mta',
    station: 'mta',
    consumes: TransferMail,
    handle: (mail, { now }) => transfer(mail, { organization: base.organization.current(), lanes, now }),
  });
}

await runAsProcess(import.meta, start);
