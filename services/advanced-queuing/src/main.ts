import { DeliveryReport, noHooks, OutboundMail } from '@mailrail/contracts';
import { ConfigError, loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { Config } from './config.ts';
import { report } from './report.ts';
import { submit } from './submit.ts';

/**
 * Starts Advanced Queuing in one of its roles.
 *
 * @param role `submit` or `report`.
 * @throws ConfigError naming every wrong variable, or the role.
 */
export async function start(env: NodeJS.ProcessEnv, role: string | undefined): Promise<Running> {
  const config = loadConfig(Config, env);
  if (role === 'submit') return startSubmit(config);
  if (role === 'report') return startReport(config);
  throw new ConfigError(`configuration: the role must be submit or report, not ${role ?? 'nothing'}`);
}

async function startSubmit(config: Config): Promise<Running> {
  const stage = 'advanced-queuing.submit';
  const base = await openStage(stage, config);
  return runService({
    ...base,
    config,
    stage,
    station: 'mts-out',
    consumes: OutboundMail,
    claimsAccepted: true,
    handle: (mail, { now }) => submit(mail, { content: base.content, organization: base.organization.current(), hooks: noHooks, now }),
  });
}

async function startReport(config: Config): Promise<Running> {
  const stage = 'advanced-queuing.report';
  const base = await openStage(stage, config);
  return runService({
    ...base,
    config,
    stage,
    station: 'aq.reports',
    consumes: DeliveryReport,
    parksDeadLetters: true,
    handle: (mail, { now }) =>
      report(mail, {
        content: base.content,
        ledger: base.ledger,
        organization: base.organization.current(),
        now,
        fullBytes: config.REPORT_FULL_BYTES,
        unaskedBytes: config.REPORT_UNASKED_BYTES,
        possibleDuplicate: (cause) => base.metrics.possibleDuplicates.inc({ cause }),
      }),
  });
}

await runAsProcess(import.meta, start);
