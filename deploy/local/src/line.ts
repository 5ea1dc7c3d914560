import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type OrganizationSnapshot, organizationErrorsText, parseOrganization, waysOut } from '@mailrail/organization';
import { againIfPortTaken, type GuardedBrokers, guardedBrokers, managementGuess, PortTaken } from '@mailrail/testing';
import { declareTopology, moveReplaced, topologyOf } from '@mailrail/topology';
import { openDataDirectory, ownOrDefault, secretsOf } from './data-directory.ts';
import { type Endpoints, removeEndpoints, writeEndpoints } from './endpoints.ts';
import { reasonOf } from './error-code.ts';
import { checkGivenBrokers } from './given-brokers.ts';
import { lineEnvironment, stageEnvironment } from './line-environment.ts';
import { lockDirectory } from './lock.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import type { StartOptions } from './options.ts';
import { type Ports, planPorts } from './port-plan.ts';
import { certificateOf } from './self-signed.ts';
import { nodeOptionsOf, processesOf, stagesOf } from './stages.ts';
import { type Supervised, supervise } from './supervised.ts';
import { lastLines } from './tail.ts';

const readyWithinMs = 90_000;
/** Where cores are short senders are answered first: what waits meanwhile fills bags, and those are cheaper to carry. */
const carrierNiceness = 10;
const takesMail = (name: string) => name === 'line' || name === 'sink' || name.startsWith('gateway');

const defaults = path.join(import.meta.dirname, '..', '..', '..', 'libs', 'organization', 'default');

/** A line that runs. */
export interface Line {
  /** How to reach it, as in `endpoints.json`; a new object whenever something changed. */
  endpoints: () => Endpoints;
  organization: OrganizationSnapshot;
  /** Absolute path of the organization file and path or URL of the directory in use. */
  files: { organization: string; directory: string };
  /** Times each process died since the start. */
  deaths: () => Record<string, number>;
  /** Stops everything that was started: gateways, stages, sink, brokers. */
  stop: () => Promise<void>;
  /** Ends everything at once; the mail that waits is there at the next start. */
  kill: () => Promise<void>;
}

export type LineOptions = Omit<StartOptions, 'samples' | 'slow'> & {
  env: NodeJS.ProcessEnv;
  /** What is going on, for a person. */
  say?: (text: string) => void;
  /** Gives the start up; what had been started is stopped. Once the line runs it means nothing any more. */
  signal?: AbortSignal;
};

/**
 * Runs a whole line on this machine. Resolves when every stage is ready and `endpoints.json` is written. Where another program
 * takes a port meanwhile, it is started a second time: what is taken then is replaced.
 *
 * @throws Error with a message for a person; whatever had been started is stopped by then.
 */
export function startLine(options: LineOptions): Promise<Line> {
  return againIfPortTaken(
    () => startOnce(options),
    ({ message }) => options.say?.(`${message.split(';')[0]}; starting again with another one`),
  );
}

async function startOnce(options: LineOptions): Promise<Line> {
  const { env, say = () => {}, signal = new AbortController().signal } = options;
  const data = await openDataDirectory(options.data);
  const unlock = await lockDirectory(data.dir);
  const undo: (() => Promise<void>)[] = [unlock];
  try {
    await removeEndpoints(data.dir);
    const secrets = await secretsOf(data.dir);
    const ports = await planPorts(data.dir, options.portBase);
    const files = {
      organization: await ownOrDefault(
        options.organization,
        path.join(data.dir, 'organization.yaml'),
        path.join(defaults, 'organization.yaml'),
      ),
      directory: await ownOrDefault(options.directory, path.join(data.dir, 'directory.ldif'), path.join(defaults, 'directory.ldif')),
    };
    const { TLS_CERT: cert = '', TLS_KEY: key = '' } = env;
    const certificate = cert === '' && key === '' ? await certificateOf(data.dir) : { cert, key };
    const organization = await readOrganization(files.organization, { ...env, MAILRAIL_SINK: `127.0.0.1:${ports.sink}` });
    const recipientCheck = organization.settings.gateways.some((gateway) => gateway.kind === 'smtp' && gateway.recipientCheck);
    const processes = processesOf(stagesOf(waysOut(organization.settings)), options.scale);

    say('starting RabbitMQ and Redis');
    const infrastructure: Record<string, number> = {};
    let onInfrastructure = () => {};
    const brokers = await guardedBrokers({
      env,
      dir: data.dir,
      ports: { amqp: ports.amqp, management: ports.management, redis: ports.redis },
      managementUrl: env['MGMT_URL'],
      onReport: (report) => {
        if (report.event === 'died') say(`${report.name} died; it is started again`);
        if (report.event === 'trouble') say(`${report.name} does not start: ${report.reason}`);
        if (report.event === 'restarted') onInfrastructure();
      },
    });
    undo.push(brokers.close);
    signal.throwIfAborted();
    await checkGivenBrokers({
      amqpUrl: brokers.from.rabbitmq === 'url' ? brokers.amqpUrl : undefined,
      redisUrl: brokers.from.redis === 'url' ? brokers.redisUrl : undefined,
    });
    say(`RabbitMQ (${brokers.from.rabbitmq}) and Redis (${brokers.from.redis}) answer; declaring queues`);
    const managementUrl = brokers.managementUrl || (await managementBeside(brokers.amqpUrl));
    const topology = topologyOf(waysOut(organization.settings));
    await declareTopology(topology, brokers.amqpUrl, managementUrl);
    await moveReplaced(topology, brokers.amqpUrl); // no stage runs now: nobody would ever empty the old queues

    const shared = lineEnvironment(
      { data, ports, secrets, certificate, ...files, amqpUrl: brokers.amqpUrl, redisUrl: brokers.redisUrl },
      env,
    );
    const logs: LogFile[] = [];
    const log = (name: string): LogFile => {
      const opened = openLogFile(logPath(data.logs, name));
      logs.push(opened);
      return opened;
    };
    const running: Supervised[] = [];
    let isReady = false;
    let writing = Promise.resolve();
    const current = (): Endpoints => ({
      ...addresses(organization, ports, secrets, data, certificate.cert),
      ready: isReady,
      ...brokerAddresses(brokers, managementUrl),
      pids: Object.fromEntries(running.filter(({ name, pid }) => name !== 'sink' && pid !== 0).map(({ name, pid }) => [name, pid])),
      infrastructure: { ...infrastructure, ...pidsOf(brokers), ...pidsNamed(running, 'sink') },
      admin: Object.fromEntries(running.map(({ name, adminUrl }) => [name, adminUrl])),
    });
    /** Writes follow one another; a write that fails (full disk) is said and the next change writes again. */
    const write = (): Promise<void> => {
      if (!isReady) return writing;
      writing = writing
        .then(() => writeEndpoints(data.dir, current()))
        .catch((error: unknown) => say(`endpoints.json: ${reasonOf(error)}`));
      return writing;
    };
    onInfrastructure = () => void write();
    const run = async (name: string, args: readonly string[], own: NodeJS.ProcessEnv): Promise<void> => {
      const one = await supervise({
        name,
        args,
        env: (adminPort) => ({ ...own, ADMIN_PORT: String(adminPort) }),
        log: log(name),
        niceness: takesMail(name) ? 0 : carrierNiceness,
        onStart: () => void write(),
        onDeath: ({ code, signal, waitMs }) => {
          if (isReady)
            say(`${name} ended with ${signal ?? code}; it is started again in ${waitMs / 1_000} s (${logPath(data.logs, name)})`);
        },
      });
      running.push(one);
    };
    const endAll = async (graceMs: number): Promise<void> => {
      const [gateways, others, sinks] = [
        running.filter(({ name }) => name === 'gateway'),
        running.filter(({ name }) => name !== 'gateway' && name !== 'sink'),
        running.filter(({ name }) => name === 'sink'),
      ];
      for (const group of [gateways, others, sinks]) await Promise.all(group.map((one) => one.stop(graceMs)));
      for (const one of logs) one.close();
    };
    undo.push(() => endAll(3_000));

    say(`starting ${processes.length} stages${options.processes === 'one' ? ' in one process' : ''}`);
    await run('sink', [path.join(import.meta.dirname, 'sink', 'main.ts')], {
      ...stageEnvironment('sink', shared),
      SINK_DIR: data.sink,
      SINK_PORT: String(ports.sink),
    });
    if (options.processes === 'one') {
      const wanted = processes.map(({ name, stage: { main, role } }) => ({ name, main, role, recipientCheck }));
      await run('line', [path.join(import.meta.dirname, 'one-process.ts'), JSON.stringify(wanted)], shared);
    } else {
      for (const { name, stage } of processes) {
        const role = stage.role === undefined ? {} : { MAILRAIL_ROLE: stage.role };
        const own = { ...stageEnvironment(stage.name, shared, { recipientCheck }), ...role };
        await run(name, [...nodeOptionsOf(stage), stage.main, ...(stage.role === undefined ? [] : [stage.role])], own);
      }
    }
    await untilReady(running, data.logs, signal);
    isReady = true;
    await write();

    let stopped: Promise<void> | undefined;
    const end = async (graceMs: number): Promise<void> => {
      isReady = false;
      await endAll(graceMs);
      await writing;
      await removeEndpoints(data.dir);
      await brokers.close();
      await unlock();
    };
    return {
      endpoints: current,
      organization,
      files,
      deaths: () => Object.fromEntries(running.map(({ name, deaths }) => [name, deaths])),
      stop: () => (stopped ??= end(4_000)),
      kill: () => {
        for (const one of running) one.kill();
        return (stopped ??= end(0));
      },
    };
  } catch (error) {
    for (const one of undo.toReversed()) await one().catch(() => {});
    throw error;
  }
}

async function readOrganization(file: string, env: NodeJS.ProcessEnv): Promise<OrganizationSnapshot> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`organization file ${file}: ${reasonOf(error)}`, { cause: error });
  });
  const parsed = parseOrganization(text, { env });
  if (!parsed.ok) throw new Error(`organization file ${file} has mistakes:\n${organizationErrorsText(parsed.errors)}`);
  return parsed.snapshot;
}

/** Waits until every process says it is ready. @throws Error with the end of its log when one cannot start. */
async function untilReady(running: readonly Supervised[], logs: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + readyWithinMs;
  let waiting = [...running];
  while (waiting.length > 0) {
    signal.throwIfAborted();
    const answers = await Promise.all(waiting.map((one) => one.isReady()));
    waiting = waiting.filter((_, at) => answers[at] !== true);
    const hopeless = waiting.find((one) => one.refused || one.deaths >= 3);
    const late = performance.now() > end ? waiting[0] : undefined;
    const failed = hopeless ?? late;
    if (failed !== undefined) {
      const what = hopeless === undefined ? `is not ready after ${readyWithinMs / 1_000} s` : 'does not start';
      const file = logPath(logs, failed.name);
      const log = await lastLines(file, 12);
      // Where all stages are one process, others have written since.
      const [, taken] = /EADDRINUSE: address already in use [^"]*?:(\d+)/.exec(await lastLines(file, 500)) ?? [];
      if (taken !== undefined)
        throw new PortTaken(`another program took port ${taken} while ${failed.name} started; ${file} ends with:\n${log}`);
      throw new Error(`${failed.name} ${what}; ${file} ends with:\n${log}`);
    }
    if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function logPath(logs: string, name: string): string {
  return path.join(logs, `${name.replaceAll('/', '-')}.log`);
}

function addresses(
  organization: OrganizationSnapshot,
  ports: Ports,
  secrets: Awaited<ReturnType<typeof secretsOf>>,
  data: Awaited<ReturnType<typeof openDataDirectory>>,
  certificate: string,
) {
  return {
    site: organization.settings.site,
    smtp: `smtp://127.0.0.1:${ports.smtp}`,
    lmtp: `lmtp://127.0.0.1:${ports.lmtp}`,
    http: `http://127.0.0.1:${ports.http}`,
    submission: { url: `smtp://127.0.0.1:${ports.submission}`, user: secrets.submissionUser, password: secrets.submissionPassword },
    submissions: `smtps://127.0.0.1:${ports.submissions}`,
    certificate,
    apiKey: secrets.apiKey,
    in: data.in,
    maildir: path.join(data.mailboxes, '%a', 'Maildir'),
    sink: `smtp://127.0.0.1:${ports.sink}`,
    siteListener: `smtp://127.0.0.1:${ports.site}`,
  };
}

function brokerAddresses({ amqpUrl, redisUrl, from }: GuardedBrokers, managementUrl: string | undefined) {
  // Of a private broker the address alone, as a browser wants it: its login is that of `amqp`.
  const management =
    managementUrl === undefined ? {} : { management: from.rabbitmq === 'url' ? managementUrl : new URL(managementUrl).origin };
  return { amqp: amqpUrl, redis: redisUrl, ...management };
}

/** The management API of a broker that was given without one: where it usually is, if it answers there. */
async function managementBeside(amqpUrl: string): Promise<string | undefined> {
  const url = new URL(managementGuess(amqpUrl));
  const authorization = `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`;
  try {
    const answer = await fetch(`${url.origin}/api/whoami`, { headers: { authorization }, signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok ? url.href : undefined;
  } catch {
    return undefined;
  }
}

function pidsOf({ pids }: GuardedBrokers): Record<string, number> {
  const first = (name: 'rabbitmq' | 'redis') => (pids[name][0] === undefined ? {} : { [name]: pids[name][0] });
  return { ...first('rabbitmq'), ...first('redis') };
}

function pidsNamed(running: readonly Supervised[], wanted: string): Record<string, number> {
  return Object.fromEntries(running.filter(({ name }) => name === wanted).map(({ name, pid }) => [name, pid]));
}
