import path from 'node:path';
import { GatewayMail } from '@mailrail/contracts';
import { directoryOnDemand } from '@mailrail/directory';
import { writerFor } from '@mailrail/foreign';
import { destinationState, type HandOverDeps, handOver } from '@mailrail/hand-over';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { ConfigError, loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { gatewayStation } from '@mailrail/topology';
import { Config } from './config.ts';
import { folderTransport } from './folder-transport.ts';
import { type OutFolderOptions, outFolder } from './out-folder.ts';

/** Mails at once: each waits for the disk a few times. */
const concurrency = 16;
/** Everything about one mail is over after this. */
const writeLimitMs = 120_000;
const graceMs = 30_000;
const sweepEveryMs = 3_600_000;

/**
 * Starts the way back to the foreign system behind one gateway.
 *
 * @param name of the gateway in organization.yaml; default GATEWAY_NAME. @param more `step` for tests.
 * @throws ConfigError naming every wrong variable, or the gateway that is not there.
 */
export async function start(env: NodeJS.ProcessEnv, name?: string, more: Pick<OutFolderOptions, 'step'> = {}): Promise<Running> {
  const config = loadConfig(Config, env);
  const gateway = name ?? config.GATEWAY_NAME;
  if (gateway === undefined) throw new ConfigError('configuration: name the gateway, as the first argument or in GATEWAY_NAME');
  const stage = `connectors/foreign.${gateway}`;
  const base = await openStage(stage, config);
  const { log, metrics, ledger, organization, content } = base;
  let known = gatewayIn(organization.current(), gateway);
  if (known === undefined) {
    organization.close();
    await ledger.close();
    throw new ConfigError(`configuration: the organization has no folder gateway ${gateway} with addressSpaces`);
  }
  /** The gateway as the file has it now; one that was removed keeps its last form until its queue is empty. */
  const now = () => {
    known = gatewayIn(organization.current(), gateway) ?? known;
    return { ...(known ?? { writer: writerFor('', undefined), maxWaiting: 1 }), organization: organization.current() };
  };
  const { DIRECTORY_URL: url, REDIS_URL: redisUrl } = config;
  const directory = url === undefined ? undefined : directoryOnDemand({ url, redisUrl, env, log, metrics });
  const folder = outFolder({ root: path.join(config.IN_DIR, gateway), ...more });
  const sweep = () => void folder.sweep().catch((error: unknown) => log.warn('foreign.sweep-failed', { gateway, reason: String(error) }));
  await folder.prepare().catch((error: unknown) => log.warn('foreign.folder-trouble', { gateway, reason: String(error) }));
  sweep();
  const sweeping = setInterval(sweep, sweepEveryMs);
  sweeping.unref();

  const schedule = () => organization.current().settings.schedule;
  const deps: HandOverDeps = {
    stage,
    connector: 'foreign',
    transport: folderTransport({ gateway, folder, content, now, directory, log }),
    written: (address) => address, // every type: the transport maps it
    knowsRepeats: true,
    ledger,
    destinations: destinationState({ ledger }),
    schedule,
    possibleDuplicate: (cause, recipients) => {
      metrics.possibleDuplicates.inc({ cause }, recipients);
      log.warn('duplicate.possible', { cause, recipients });
    },
    delayReportAfterMs: () => schedule().delayReportAfter,
    sessionLimitMs: writeLimitMs,
    finalMs: 0,
    running: new Map(),
  };
  return runService({
    ...base,
    config,
    stage,
    station: gatewayStation(gateway),
    consumes: GatewayMail,
    concurrency,
    ackAlone: true,
    handlerTimeoutMs: writeLimitMs + graceMs,
    handle: (mail, context) => handOver({ ...mail, destination: gateway }, deps, context),
    close: async () => {
      clearInterval(sweeping);
      await directory?.close();
    },
  });
}

function gatewayIn({ settings }: OrganizationSnapshot, name: string) {
  const found = settings.gateways.find((one) => one.name === name);
  if (found?.kind !== 'folder' || found.addressSpaces.length === 0) return undefined;
  return { writer: writerFor(found.dialect, found.writes), maxWaiting: found.maxWaiting };
}

await runAsProcess(import.meta, start);
