import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { freePorts, waitFor } from '@mailrail/testing';
import { readCompose, type Service } from './compose.ts';
import type { Containers } from './containers.ts';
import type { HostBrokers } from './host-brokers.ts';

const folder = path.join(import.meta.dirname, '..', '..');

/** A line whose stages run as containers, as the compose file says, but on this machine's network. */
export interface ContainerLine {
  /** Names in the compose file, gateway last. */
  stages: readonly string[];
  smtp: string;
  /** Ports on 127.0.0.1; `submissions` (inside TLS) is open when there is a certificate. */
  lmtp: number;
  submissions: number;
  submission: { user: string; password: string };
  http: string;
  apiKey: string;
  adminPort: (stage: string) => number;
  isReady: (stage: string) => Promise<boolean>;
  /** Waits until a stage, or every one, says that it is ready. */
  ready: (stage?: string) => Promise<void>;
}

/** What a compose file's service is to `docker run`, on the host's network and without its ports. */
export function runArguments(
  service: Service,
  image: string,
  environment: Readonly<Record<string, string>>,
  volumes: readonly string[],
): string[] {
  const each = (option: string, values: readonly string[]) => values.flatMap((value) => [option, value]);
  const { healthcheck } = service;
  const health =
    'disable' in healthcheck
      ? ['--no-healthcheck']
      : [
          `--health-cmd=${healthcheck.test.slice(1).join(' ')}`,
          `--health-interval=${healthcheck.interval}`,
          `--health-timeout=${healthcheck.timeout}`,
          `--health-retries=${healthcheck.retries}`,
          `--health-start-period=${healthcheck.start_period}`,
        ];
  return [
    '--network=host',
    ...(service.read_only ? ['--read-only'] : []),
    ...each('--cap-drop', service.cap_drop),
    ...each('--security-opt', service.security_opt),
    ...each('--tmpfs', service.tmpfs),
    `--memory=${service.mem_limit}`,
    `--pids-limit=${service.pids_limit}`,
    ...each(
      '--env',
      Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ),
    ...each('--volume', volumes),
    ...health,
    image,
    ...(service.command ?? []),
  ];
}

/**
 * Starts the line of `compose.yaml`: the topology command to its end, then every stage of ours.
 *
 * @param options `sink` takes what goes out: `host:port`. With `bucket` bodies are there, as with the profile `s3`; it is made first.
 *        `tlsFolder` has `tls.crt` and `tls.key`, readable for group 65532; without it submission is not open.
 */
export async function startLine(options: {
  containers: Containers;
  label: string;
  image: string;
  brokers: HostBrokers;
  sink: string;
  bucket?: { url: string; accessKey: string; secretKey: string };
  tlsFolder?: string;
}): Promise<ContainerLine> {
  const { containers, label, image, brokers, sink, bucket, tlsFolder } = options;
  const apiKey = randomBytes(24).toString('hex');
  const submissionPassword = randomBytes(24).toString('hex');
  const { services } = readCompose({
    MAILRAIL_BROKER_PASSWORD: 'guest',
    MAILRAIL_REDIS_PASSWORD: 'none',
    MAILRAIL_API_KEY: apiKey,
    MAILRAIL_SUBMISSION_PASSWORD: submissionPassword,
    MAILRAIL_SITE_SECRET: 'only-for-the-test-too',
    MAILRAIL_LOG_LEVEL: 'warn',
    ...(tlsFolder === undefined ? {} : { MAILRAIL_TLS_DIR: tlsFolder }),
    ...(bucket === undefined
      ? {}
      : {
          MAILRAIL_CONTENT_URL: bucket.url,
          MAILRAIL_CONTENT_ACCESS_KEY: bucket.accessKey,
          MAILRAIL_CONTENT_SECRET_KEY: bucket.secretKey,
        }),
  });
  const stages = Object.keys(services).filter((name) => services[name]?.command?.[1]?.startsWith('services/'));
  stages.sort((a, b) => Number(a === 'gateway') - Number(b === 'gateway'));
  const ports = await freePorts([0, 0, 0, 0, 0, 0, ...stages.map(() => 0)]);
  const [smtp = 0, lmtp = 0, submission = 0, submissions = 0, site = 0, http = 0, ...admin] = ports;
  const adminPorts = new Map(stages.map((name, at) => [name, admin[at] ?? 0]));
  const environmentOf = (name: string, { environment }: Service): Record<string, string> => ({
    ...environment,
    ...(name === 's3-bucket' ? {} : { AMQP_URL: brokers.amqpUrl, REDIS_URL: brokers.redisUrl, MAILRAIL_SINK: sink }),
    ...(name === 'topology' ? { MGMT_URL: brokers.managementUrl } : { ADMIN_PORT: String(adminPorts.get(name)) }),
    ...(name === 'gateway'
      ? {
          SMTP_HOST: '127.0.0.1',
          SMTP_PORT: String(smtp),
          LMTP_PORT: String(lmtp),
          ...(tlsFolder === undefined ? {} : { SUBMISSION_PORT: String(submission), SUBMISSIONS_PORT: String(submissions) }),
          SITE_PORT: String(site),
          HTTP_HOST: '127.0.0.1',
          HTTP_PORT: String(http),
        }
      : {}),
  });
  /** Folders of the repository by their path, volumes under the name of this run. */
  const volumesOf = ({ volumes }: Service) =>
    volumes.map((volume) => (volume.startsWith('.') ? path.join(folder, volume) : path.isAbsolute(volume) ? volume : `${label}-${volume}`));
  const startOne = (name: string) => {
    const service = services[name];
    if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
    return containers.start(name, runArguments(service, image, environmentOf(name, service), volumesOf(service)));
  };

  for (const command of ['topology', ...(bucket === undefined ? [] : ['s3-bucket'])]) {
    await startOne(command);
    await waitFor(async () => (await containers.state(command)).status === 'exited', { what: `${command} ends`, timeoutMs: 60_000 });
    const { exitCode } = await containers.state(command);
    if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}:\n${await containers.logs(command)}`);
  }
  for (const name of stages) await startOne(name);

  const adminPort = (stage: string) => adminPorts.get(stage) ?? 0;
  /** Why a stage is not ready; undefined when it is. */
  const trouble = async (stage: string): Promise<string | undefined> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${adminPort(stage)}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      const text = await answer.text();
      return answer.ok ? undefined : text;
    } catch (error) {
      return `no answer: ${String(error)}`;
    }
  };
  const isReady = async (stage: string) => (await trouble(stage)) === undefined;
  const ready = async (stage?: string) => {
    for (const one of stage === undefined ? stages : [stage]) {
      await waitFor(() => isReady(one), { what: `${one} is ready`, timeoutMs: 60_000 }).catch(async (error: unknown) => {
        throw new Error(`${one} is not ready: ${await trouble(one)}\n${await containers.logs(one)}`, { cause: error });
      });
    }
  };
  try {
    await ready();
  } catch (error) {
    throw new Error('the line does not start', { cause: error });
  }
  return {
    stages,
    smtp: `smtp://127.0.0.1:${smtp}`,
    lmtp,
    submissions,
    submission: { user: 'mailrail', password: submissionPassword },
    http: `http://127.0.0.1:${http}`,
    apiKey,
    adminPort,
    isReady,
    ready,
  };
}
