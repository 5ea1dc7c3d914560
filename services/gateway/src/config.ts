import { ldapConfig } from '@mailrail/directory';
import { isIP } from 'node:net';
import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

/** A variable that is set to nothing is not set: compose files and manifests write it so. */
const text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));
const port = z
  .union([z.literal(''), z.coerce.number().int().min(0).max(65_535)])
  .optional()
  .transform((value) => (value === '' ? undefined : value));
const servers = text
  .superRefine((value, context) => {
    for (const server of value?.split(',') ?? []) {
      const address = server
        .trim()
        .replace(/^\[(.*)\](?::\d+)?$/, '$1')
        .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
      if (isIP(address) === 0) context.addIssue(`${server.trim()} is no address such as 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53`);
    }
  })
  .transform((value) => value?.split(',').map((server) => server.trim()));
const host = z.string().min(1);
const limit = (ms: number) => z.coerce.number().int().min(100).max(86_400_000).default(ms);

/** The environment of the gateway. A way in whose port is absent is not opened. */
export const Config = z
  .object({
    ...serviceConfig,
    SMTP_HOST: host.default('127.0.0.1').describe('address of the SMTP listener for mail from anywhere, and of those below'),
    SMTP_PORT: port.describe('its port; 0 takes a free one'),
    SMTPS_PORT: port.describe('port for the same inside TLS from the first byte; needs a certificate'),
    SUBMISSION_HOST: text.describe('address of the submission listener; default SMTP_HOST'),
    SUBMISSION_PORT: port.describe('its port; needs an account'),
    SUBMISSIONS_PORT: port.describe('port for submission inside TLS from the first byte (RFC 8314); needs an account and a certificate'),
    SUBMISSION_USER: text.describe('the account that may submit'),
    SUBMISSION_PASSWORD: text.describe('its password'),
    SITE_HOST: text.describe('address of the listener for peer sites; default SMTP_HOST'),
    SITE_PORT: port.describe('its port; needs SITE_SECRET, or SITE_CA with a certificate'),
    SITE_SECRET: text.describe('password of every peer site; its user name is the name of the site'),
    SITE_CA: text.describe('file (PEM) of the authority that signs certificates of peer sites'),
    LMTP_HOST: text.describe('address of the LMTP listener; default SMTP_HOST'),
    LMTP_PORT: port.describe('its port; never 25 (RFC 2033 §5)'),
    TLS_CERT: text.describe('file (PEM) of the certificate for STARTTLS and implicit TLS; without it neither is offered'),
    TLS_KEY: text.describe('file (PEM) of its key'),
    HTTP_HOST: host.default('127.0.0.1').describe('address of the HTTP API'),
    HTTP_PORT: port.describe('its port; needs API_KEY, HTTP_ACCESS or HTTP_ACCESS_FILE'),
    API_KEY: text.describe('a key of the HTTP API that may do everything, at least 16 characters'),
    HTTP_ACCESS: text.describe('further keys and webhooks of the HTTP API, YAML'),
    HTTP_ACCESS_FILE: text.describe('the same as a file, read at start'),
    IN_DIR: text.describe('folder with one folder for each folder gateway of the organization file'),
    DNS_SERVERS: servers.describe('name servers that are asked about senders, `,` between them; default the system’s'),
    DIRECTORY_URL: text.describe('the directory, as the categorizer has it; read where a listener has `recipientCheck`'),
    ...ldapConfig,
    DIRECTORY_POLL_MS: z.coerce.number().int().min(10).max(600_000).default(5_000).describe('how often it is looked at what changed'),
    DIRECTORY_TIMEOUT_MS: z.coerce
      .number()
      .int()
      .min(10)
      .max(10_000)
      .default(2_000)
      .describe('RCPT waits so long; then the recipient is taken'),
    MAX_IN_HAND_PER_CLIENT: z.coerce
      .number()
      .int()
      .min(1)
      .default(500)
      .describe('messages of one client between their first byte and their answer; more are told to come later'),
    SMTP_COMMAND_TIMEOUT_MS: limit(300_000).describe('from a reply to the end of the next command'),
    SMTP_DATA_TIMEOUT_MS: limit(600_000).describe('for the whole content of a message'),
    SMTP_IDLE_TIMEOUT_MS: limit(600_000).describe('for a session without a message'),
    SMTP_STOP_MS: limit(5_000).describe('for transactions in hand when the service stops'),
  })
  .superRefine((config, context) => {
    const needs = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
    const submits = config.SUBMISSION_PORT !== undefined || config.SUBMISSIONS_PORT !== undefined;
    if (submits && (config.SUBMISSION_USER === undefined || config.SUBMISSION_PASSWORD === undefined)) {
      needs('SUBMISSION_USER', 'a submission listener needs SUBMISSION_USER and SUBMISSION_PASSWORD');
    }
    if (
      config.SITE_PORT !== undefined &&
      config.SITE_SECRET === undefined &&
      (config.SITE_CA === undefined || config.TLS_CERT === undefined)
    ) {
      needs('SITE_SECRET', 'a listener for peer sites needs SITE_SECRET, or SITE_CA with TLS_CERT and TLS_KEY');
    }
    if (config.LMTP_PORT === 25) needs('LMTP_PORT', 'port 25 is for SMTP alone');
    for (const name of ['SUBMISSIONS_PORT', 'SMTPS_PORT'] as const) {
      if (config[name] !== undefined && config.TLS_CERT === undefined) needs(name, `${name} needs TLS_CERT and TLS_KEY`);
    }
    if ((config.TLS_CERT === undefined) !== (config.TLS_KEY === undefined)) needs('TLS_KEY', 'TLS_CERT and TLS_KEY go together');
    if (config.HTTP_PORT !== undefined && [config.API_KEY, config.HTTP_ACCESS, config.HTTP_ACCESS_FILE].every((one) => one === undefined))
      needs('API_KEY', 'the HTTP API needs API_KEY, HTTP_ACCESS or HTTP_ACCESS_FILE');
    if (config.HTTP_ACCESS !== undefined && config.HTTP_ACCESS_FILE !== undefined)
      needs('HTTP_ACCESS', 'HTTP_ACCESS or HTTP_ACCESS_FILE, not both');
  });
export type Config = z.output<typeof Config>;
