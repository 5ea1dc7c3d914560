import path from 'node:path';
import { openCachedDirectory } from '@mailrail/directory';
import { isFileDialect } from '@mailrail/foreign';
import { ConfigError, loadConfig, openGatewayLine, openStage, type Running, runAsProcess, type StageBase } from '@mailrail/pipeline';
import { openAcceptor } from './accept.ts';
import { followCertificate, readCertificate } from './certificate.ts';
import { Config } from './config.ts';
import { type FolderGateway, openFolderGateway } from './folder/folder-gateway.ts';
import { type AccessFile, parseAccessFile } from './http/access-file.ts';
import { keyQuotas } from './http/quota.ts';
import { openHttpApi } from './http-api.ts';
import { rateLimits } from './limits/rate-limits.ts';
import { redisRates } from './limits/redis-rates.ts';
import { readNamed } from './named-file.ts';
import { recipientCheck } from './recipient-check.ts';
import { cachedQuestions, systemQuestions } from './sender-checks/dns.ts';
import { senderChecks } from './sender-checks/sender-checks.ts';
import { openSmtpListener, type SmtpListener } from './smtp-listener.ts';
import type { ListenerKind } from './smtp-listeners.ts';

/** Opens every way in that the environment names, on one way into the line. */
export async function start(env: NodeJS.ProcessEnv): Promise<Running> {
  const config = loadConfig(Config, env);
  const tls = await readCertificate(config);
  const access = await readAccess(config);
  const base = await openStage('gateway', config);
  const { organization, log, metrics } = base;
  const directory = await openDirectoryFor(config, env, base);
  let listening = false;
  const ready = () => (listening ? undefined : 'not listening yet');
  const line = await openGatewayLine({ ...base, stage: 'gateway', config, ready });
  const acceptor = openAcceptor({
    contents: base.content,
    line,
    organization,
    ledger: base.ledger,
    log,
    metrics,
    maxInHandPerClient: config.MAX_IN_HAND_PER_CLIENT,
  });

  const recipients =
    directory === undefined ? undefined : recipientCheck({ directory, log, metrics, timeoutMs: config.DIRECTORY_TIMEOUT_MS });
  const shared = redisRates({ url: config.REDIS_URL, log });
  const rates = rateLimits({ shared, metrics });
  const dns = cachedQuestions(systemQuestions({ servers: config.DNS_SERVERS ?? [] }));
  const senders = senderChecks({ dns, log, metrics });
  const tell: typeof line.tell = (event) => line.tell(event);
  const waysIn: { close(): Promise<void> }[] = [];
  const listeners: SmtpListener[] = [];
  const leaveCertificate =
    tls === undefined
      ? () => {}
      : followCertificate({
          read: () => readCertificate(config),
          shown: tls,
          renew: (certificate) => {
            for (const listener of listeners) listener.renew(certificate);
          },
          log,
        });
  const stop = async () => {
    log.info('service.stopping');
    listening = false;
    leaveCertificate();
    await Promise.all(waysIn.map((way) => way.close()));
    shared.close();
    await directory?.close();
    await line.stop();
  };
  const listen = async (kind: ListenerKind, host: string | undefined, port: number | undefined, implicitTls = false) => {
    if (port === undefined) return undefined;
    const { SUBMISSION_USER: user, SUBMISSION_PASSWORD: password, SITE_SECRET: siteSecret } = config;
    const listener = await openSmtpListener({
      kind,
      host: host ?? config.SMTP_HOST,
      port,
      acceptor,
      organization,
      log,
      metrics,
      tell,
      rates,
      senders,
      ...(recipients === undefined ? {} : { recipients }),
      ...(tls === undefined ? {} : { tls, implicitTls }),
      ...(kind === 'submission' && user !== undefined && password !== undefined ? { account: { user, password } } : {}),
      ...(kind === 'site' && siteSecret !== undefined ? { siteSecret } : {}),
      limits: {
        commandMs: config.SMTP_COMMAND_TIMEOUT_MS,
        dataMs: config.SMTP_DATA_TIMEOUT_MS,
        idleMs: config.SMTP_IDLE_TIMEOUT_MS,
        stopMs: config.SMTP_STOP_MS,
      },
    });
    waysIn.push(listener);
    listeners.push(listener);
    return listener.port;
  };

  try {
    const smtp = await listen('mx', undefined, config.SMTP_PORT);
    const submission = await listen('submission', config.SUBMISSION_HOST, config.SUBMISSION_PORT);
    const smtps = await listen('mx', undefined, config.SMTPS_PORT, true);
    const submissions = await listen('submission', config.SUBMISSION_HOST, config.SUBMISSIONS_PORT, true);
    const site = await listen('site', config.SITE_HOST, config.SITE_PORT);
    const lmtp = await listen('lmtp', config.LMTP_HOST, config.LMTP_PORT);
    let http: number | undefined;
    if (config.HTTP_PORT !== undefined) {
      const gateway = organization.current().settings.gateways.find(({ kind }) => kind === 'http')?.name ?? 'http';
      const { HTTP_HOST: host, HTTP_PORT: port, API_KEY: apiKey } = config;
      const quotas = keyQuotas(rates, gateway);
      const idempotency = { ledger: base.ledger, contents: base.content };
      const shared = { gateway, acceptor, organization, log, metrics, tell, quotas, idempotency };
      const api = await openHttpApi({ ...shared, host, port, apiKey, ...(access === undefined ? {} : { access }) });
      waysIn.push(api);
      http = api.port;
    }
    const folders = config.IN_DIR === undefined ? [] : openFolders(config.IN_DIR, { acceptor, organization, log, metrics, tell });
    waysIn.push(...folders.map(({ gateway }) => gateway));
    log.info('gateway.listening', {
      smtp,
      smtps,
      submission,
      submissions,
      site,
      lmtp,
      http,
      folders: folders.map(({ name }) => name),
      adminPort: line.adminPort,
    });
    listening = true;
  } catch (error) {
    log.error('gateway.not-listening', { error });
    await stop();
    throw error;
  }
  return { adminPort: line.adminPort, stop };
}

type FolderDeps = Pick<Parameters<typeof openFolderGateway>[0], 'acceptor' | 'organization' | 'log' | 'metrics' | 'tell'>;

/** One gateway for each folder of the organization file whose dialect is known. */
function openFolders(directory: string, deps: FolderDeps): { name: string; gateway: FolderGateway }[] {
  return deps.organization.current().settings.gateways.flatMap((settings) => {
    if (settings.kind !== 'folder') return [];
    const { name, dialect: mode, trust, pollEvery: pollEveryMs, quietFor: quietMs, keepDone: keepDoneMs } = settings;
    if (mode !== 'pickup' && mode !== 'replay' && !isFileDialect(mode)) {
      deps.log.warn('gateway.folder-not-opened', { gateway: name, dialect: mode, reason: 'there is no translator for this dialect' });
      return [];
    }
    const gateway = openFolderGateway({
      ...deps,
      folder: path.join(directory, name),
      gateway: { name, mode, trust, pollEveryMs, quietMs, keepDoneMs },
    });
    return [{ name, gateway }];
  });
}

/**
 * The directory, if a listener looks recipients up; a gateway that does not has no use for it.
 *
 * @throws ConfigError when it is not named, or cannot be opened as it is.
 */
async function openDirectoryFor(config: Config, env: NodeJS.ProcessEnv, { organization, log, metrics }: StageBase) {
  const { gateways } = organization.current().settings;
  const asking = gateways.find((gateway) => gateway.kind === 'smtp' && gateway.recipientCheck);
  if (asking === undefined) return undefined;
  const { DIRECTORY_URL: url, DIRECTORY_POLL_MS: pollMs, DIRECTORY_TIMEOUT_MS: timeoutMs, REDIS_URL: redisUrl } = config;
  if (url === undefined)
    throw new ConfigError(`configuration:\nDIRECTORY_URL: recipientCheck of gateway ${asking.name} needs the directory`);
  return openCachedDirectory({ url, env, redisUrl, pollMs, timeoutMs, log, metrics });
}

/** @throws ConfigError when it cannot be read or says something that is wrong, naming every mistake. */
async function readAccess({ HTTP_ACCESS: given, HTTP_ACCESS_FILE: file }: Config): Promise<AccessFile | undefined> {
  const text = given ?? (file === undefined ? undefined : await readNamed('HTTP_ACCESS_FILE', file));
  if (text === undefined) return undefined;
  try {
    return parseAccessFile(text);
  } catch (error) {
    const name = given === undefined ? 'HTTP_ACCESS_FILE' : 'HTTP_ACCESS';
    throw new ConfigError(`configuration:\n${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

await runAsProcess(import.meta, start);
