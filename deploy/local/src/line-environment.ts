import type { DataDirectory, Secrets } from './data-directory.ts';
import type { Ports } from './port-plan.ts';
import type { CertificateFiles } from './self-signed.ts';

export interface LineFacts {
  data: DataDirectory;
  ports: Ports;
  secrets: Secrets;
  certificate: CertificateFiles;
  organization: string; // path
  directory: string; // path of an LDIF file, or an LDAP URL
  amqpUrl: string;
  redisUrl: string;
}

/** Which directory is asked, and how; a password may be among it or in the URL. For those alone who ask. */
const ofDirectory = /^(LDAP|DIRECTORY)_/i;
const asks = /^(?:categorizer|translator|connectors\/foreign\..+)$/;

/** What one stage may have of the line's environment. */
export function stageEnvironment(
  stage: string,
  environment: NodeJS.ProcessEnv,
  { recipientCheck = false }: { recipientCheck?: boolean } = {},
): NodeJS.ProcessEnv {
  if (asks.test(stage) || (stage === 'gateway' && recipientCheck)) return environment;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ofDirectory.test(name)));
}

/** Variables of the one who typed `npm start` that are not meant for the stages. */
const notForStages = /^(npm_|MAILRAIL_|INIT_CWD$|AMQP_URL$|REDIS_URL$|MGMT_URL$|ADMIN_)/i;

/**
 * What every stage finds in its environment: one table for all, each takes what it knows. Their own variables (LOG_LEVEL, PREFETCH)
 * go through as they were given.
 */
export function lineEnvironment(facts: LineFacts, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { data, ports, secrets } = facts;
  const given = Object.fromEntries(Object.entries(env).filter(([name]) => !notForStages.test(name)));
  return {
    ...given,
    AMQP_URL: facts.amqpUrl,
    REDIS_URL: facts.redisUrl,
    ORGANIZATION_FILE: facts.organization,
    DIRECTORY_URL: facts.directory,
    CONTENT_DIR: data.content,
    MAILBOX_DIR: data.mailboxes,
    IN_DIR: data.in,
    SMTP_HOST: '127.0.0.1',
    SMTP_PORT: String(ports.smtp),
    LMTP_PORT: String(ports.lmtp),
    SUBMISSION_PORT: String(ports.submission),
    SUBMISSIONS_PORT: String(ports.submissions),
    TLS_CERT: facts.certificate.cert,
    TLS_KEY: facts.certificate.key,
    HTTP_PORT: String(ports.http),
    SITE_PORT: String(ports.site),
    API_KEY: secrets.apiKey,
    SUBMISSION_USER: secrets.submissionUser,
    SUBMISSION_PASSWORD: secrets.submissionPassword,
    // Sites know each other by one secret, so it can be given; a site without peers has one that nobody knows.
    SITE_SECRET: env['SITE_SECRET'] || secrets.siteSecret,
    MAILRAIL_SINK: `127.0.0.1:${ports.sink}`,
    MAILRAIL_PARENT_PIPE: '1',
    ADMIN_HOST: '127.0.0.1',
    // Flushes wait in Node's thread pool: with its four threads the fifth message would wait for the first.
    UV_THREADPOOL_SIZE: given['UV_THREADPOOL_SIZE'] ?? '8',
  };
}
