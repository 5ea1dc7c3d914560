import { queueFacts } from '@mailrail/broker';
import { maySweep, runSweeper } from '@mailrail/content-store';
import { LocalDelivery, QueuedMail, SubmittedMail } from '@mailrail/contracts';
import { contentRetentionMs } from '@mailrail/organization';
import { ConfigError, loadConfig, openStage, type Running, runAsProcess, runService, type StageBase } from '@mailrail/pipeline';
import { topologyOf } from '@mailrail/topology';
import { Config, DeliverConfig } from './config.ts';
import { deliver, stageName } from './deliver.ts';
import { openMailboxes } from './open-mailboxes.ts';
import { watchStore } from './store-watch.ts';
import { submit } from './submit.ts';
import { transfer } from './transfer.ts';
import { queuesWithBodies, waitingMail } from './waiting-mail.ts';

/**
 * Starts the store driver in one of its roles.
 *
 * @param role `submit`, `transfer` or `deliver`.
 * @throws ConfigError naming every wrong variable, or the role.
 */
export async function start(env: NodeJS.ProcessEnv, role: string | undefined): Promise<Running> {
  if (role === 'submit') return startSubmit(loadConfig(Config, env));
  if (role === 'transfer') return startTransfer(loadConfig(Config, env));
  if (role === 'deliver') return startDeliver(loadConfig(DeliverConfig, env));
  throw new ConfigError(`configuration: the role must be submit, transfer or deliver, not ${role ?? 'nothing'}`);
}

async function startSubmit(config: Config): Promise<Running> {
  const stage = 'store-driver.submit';
  const base = await openStage(stage, config);
  const sweeper = sweep(config, base);
  return runService({
    ...base,
    config,
    stage,
    station: 'mts-in',
    consumes: SubmittedMail,
    handle: (mail, { now }) => submit(mail, { content: base.content, now }),
    close: () => sweeper.stop(),
  });
}

/** Bodies past their time go while the line moves (R13). Each pod of this role sweeps; that does no harm. */
function sweep({ AMQP_URL }: Config, { content, organization, log }: StageBase) {
  const lineIsMoving = async () => {
    const queues = queuesWithBodies(topologyOf(organization.current().settings.connectors));
    const facts = await queueFacts(AMQP_URL, queues).catch(() => 'silent' as const);
    return maySweep(facts === 'silent' ? facts : waitingMail(facts, Date.now()), retentionMs());
  };
  const retentionMs = () => contentRetentionMs(organization.current().settings);
  return runSweeper({
    store: content,
    retentionMs,
    lineIsMoving,
    tell: (turn) => (turn.kind === 'swept' ? log.info('content.swept', turn) : log.warn('content.not-swept', turn)),
  });
}

async function startTransfer(config: Config): Promise<Running> {
  const stage = 'store-driver.transfer';
  const base = await openStage(stage, config);
  return runService({
    ...base,
    config,
    stage,
    station: 'mta.smtp',
    consumes: QueuedMail,
    handle: (mail, { now }) => transfer(mail, { content: base.content, now }),
  });
}

async function startDeliver(config: DeliverConfig): Promise<Running> {
  const base = await openStage(stageName, config);
  const { content, ledger, metrics, organization } = base;
  const mailboxes = openMailboxes(config, {
    content,
    // The line's name, not this machine's: a repeat on another pod must make the same file name.
    hostname: organization.current().hostname.slice(0, 180),
    possibleDuplicates: (cause, copies) => metrics.possibleDuplicates.inc({ cause }, copies),
  });
  const watch = watchStore('mailboxes', () => mailboxes.probe());
  return runService({
    ...base,
    config,
    stage: stageName,
    station: 'store.local-delivery',
    consumes: LocalDelivery,
    handle: (mail, { redelivered }) =>
      deliver(mail, {
        mailboxes: mailboxes.storeFor(redelivered),
        ledger,
        redelivered,
        possibleDuplicates: (copies) => metrics.possibleDuplicates.inc({ cause: 'ledger silent' }, copies),
      }),
    ready: watch.trouble,
    close: async () => {
      watch.stop();
      mailboxes.close();
    },
  });
}

await runAsProcess(import.meta, start);
