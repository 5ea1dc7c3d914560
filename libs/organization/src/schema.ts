import { allExtensions } from '@mailrail/smtp';
import { z } from 'zod';

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Record<string, number> = { B: 1, KB: 1_024, MB: 1_048_576, GB: 1_073_741_824 };

/** `250ms`, `60s`, `10m`, `12h`, `2d` -> milliseconds. */
export const Duration = z
  .string()
  .regex(/^\d{1,6}(ms|s|m|h|d)$/, 'a duration such as 60s, 10m, 12h or 2d')
  .transform((text) => {
    const [, count = '', unit = ''] = /^(\d+)(\D+)$/.exec(text) ?? [];
    return Number(count) * (units[unit] ?? 0);
  });

/** `512KB`, `50MB` -> bytes. */
export const Size = z
  .string()
  .regex(/^\d{1,6}(B|KB|MB|GB)$/, 'a size such as 512KB or 50MB')
  .transform((text) => {
    const [, count = '', unit = ''] = /^(\d+)(\D+)$/.exec(text) ?? [];
    return Number(count) * (sizeUnits[unit] ?? 0);
  });

const Name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'lower-case letters, digits and hyphens, at most 32 characters')
  .refine((name) => !['high', 'normal', 'low', 'badmail'].includes(name), 'is a reserved word');
const Site = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/, 'a site name of at most 63 characters');
const DomainName = z
  .string()
  .max(253)
  .transform((name) => name.toLowerCase())
  .pipe(
    z
      .string()
      .regex(
        /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/,
        'a domain name (internationalized ones in their xn-- form)',
      ),
  );

/** A mail domain of the organization. */
export const Domain = z.strictObject({
  name: DomainName,
  /** authoritative: unknown recipients are refused (5.1.1); shared: unknown ones go on by address space; relay: all go on. */
  type: z.enum(['authoritative', 'shared', 'relay']),
});
export type Domain = z.output<typeof Domain>;

/** `SMTP:*`, `SMTP:*.example`, `SMTP:example.org`, `X400:...`; a wildcard only at the beginning (a later one never matched in Exchange). */
const AddressSpace = z.strictObject({
  space: z.string().regex(/^[A-Z0-9]{1,8}:(\*|(\*\.)?[^*\s]+)$/i, 'TYPE:*, TYPE:*.domain or TYPE:domain; a wildcard only at the beginning'),
  cost: z.int().min(1).max(100).default(1),
});

/**
 * What the mail systems of a domain can read, for mail that leaves the organization: Exchange's Internet message formats. Of several
 * rows the closest counts: the domain itself, then the longest `*.domain`, then `*`.
 */
const MessageFormat = z.strictObject({
  domain: z
    .string()
    .max(255)
    .regex(/^(\*|(\*\.)?[^*\s@]+)$/, '*, *.domain or a domain')
    .transform((name) => name.toLowerCase()),
  /** Rich text (winmail.dat): to nobody, to everybody, or as each recipient's entry says. */
  richText: z.enum(['never', 'always', 'by-recipient']).default('by-recipient'),
  /** `plain`: of text in several forms only the plain one, where a recipient's entry wishes nothing else. */
  body: z.enum(['as-sent', 'plain']).default('as-sent'),
  /** `7bit`: sent so even where the next system says it takes 8-bit text, since one behind it does not. */
  transfer: z.enum(['as-sent', '7bit']).default('as-sent'),
});
export type MessageFormat = z.output<typeof MessageFormat>;

const Host = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?$/, 'host, host:port or [address]:port');

/** Formats that can be written into an OUT folder. */
export const writtenForms = ['eml', 'bsmtp', 'gwapi', 'ffapi'] as const;
export type WrittenForm = (typeof writtenForms)[number];

const Tls = z.enum(['never', 'opportunistic', 'required']);

const Count = z.int().min(1).max(1_000_000_000);

/** How much one client may bring in a time, over all gateways of the line; what is absent is not limited. */
const Rates = z
  .strictObject({
    per: Duration.refine((ms) => ms >= 1_000 && ms <= 86_400_000, 'from 1s to 1d').prefault('1h'),
    connections: Count.optional(), // of an account: logins
    mails: Count.optional(),
    recipients: Count.optional(),
    bytes: Size.optional(),
    unknownRecipients: Count.optional(), // where recipients are looked up
  })
  .prefault({});

const TimeLimit = Duration.refine((ms) => ms >= 1_000 && ms <= 86_400_000, 'from 1s to 1d');

const Gateway = z.discriminatedUnion('kind', [
  z.strictObject({
    name: Name,
    kind: z.literal('smtp'),
    /** inside only by authentication or `insideNetworks` (S1). */
    listener: z.enum(['mx', 'submission', 'site', 'lmtp']).default('mx'),
    requireAuthentication: z.boolean().default(false),
    requireTls: z.boolean().default(false),
    insideNetworks: z.array(z.string()).default([]), // CIDR
    /** Proxies: from these addresses, and from no others, a connection begins with a PROXY header (S3). CIDR. */
    proxyNetworks: z.array(z.string()).default([]),
    /** Proxies that may say with XCLIENT who their client is (S3). CIDR. */
    xclientNetworks: z.array(z.string()).default([]),
    /** The greeting waits so long, and who talks before it is refused: senders of junk often do. Off by default. */
    greetingDelay: Duration.refine((ms) => ms <= 60_000, 'at most 60s').prefault('0s'),
    banner: z.string().max(200).optional(),
    maxSessions: z.int().min(1).max(10_000).default(400),
    maxSessionsPerClient: z.int().min(1).max(10_000).default(400),
    maxMails: z.int().min(1).optional(), // in one session, then 421; default as many as come
    maxErrors: z.int().min(1).max(1_000).default(20), // mistakes of one session before 421
    /**
     * Recipients are looked up in the directory at RCPT: 550 5.1.1 for who is unknown in an authoritative domain, instead of a
     * report later. The gateway then needs DIRECTORY_URL as the categorizer has it.
     */
    recipientCheck: z.boolean().default(false),
    /**
     * SPF, DKIM, DMARC and ARC of mail from outside. mark: the result stands in Authentication-Results; reject: and 550 for what
     * its own domain wants refused.
     */
    senderChecks: z.enum(['none', 'mark', 'reject']).default('none'),
    maxUnknownRecipients: z.int().min(1).max(10_000).default(50), // of one session before 421, where they are looked up
    /** Limits of a client address (of IPv6 the /64) and of an account, over a sliding time. Off by default. */
    perAddress: Rates,
    perAccount: Rates,
    /** Time limits of this listener instead of the gateway's own: of a command, of a whole content. */
    commandTimeout: TimeLimit.optional(),
    dataTimeout: TimeLimit.optional(),
    /** Of a whole session: then it is told to connect again, between two mails. */
    sessionTimeout: TimeLimit.prefault('1d'),
    /** Extensions this listener does not offer although it could, for clients that take them and cannot. */
    withhold: z.array(z.enum(allExtensions)).default([]),
    /** The longest a sender may have a mail held (FUTURERELEASE). Default 3d on a submission listener, else 0s: not offered. */
    maxHold: Duration.refine((ms) => ms <= 31_536_000_000, 'at most 365d').optional(),
    /** The shortest time a mail may be asked to be delivered in or returned (DELIVERBY). */
    minDeliverBy: Duration.refine((ms) => ms >= 1_000, 'at least 1s').prefault('60s'),
    /** Who may ask for a priority above 0 (MT-PRIORITY); everybody may ask for less. */
    raisePriority: z.enum(['inside', 'anybody', 'nobody']).default('inside'),
  }),
  z.strictObject({ name: Name, kind: z.literal('http') }),
  z.strictObject({
    name: Name,
    kind: z.literal('folder'),
    dialect: z.string().regex(/^[a-z0-9-]{1,32}$/), // pickup and replay are the two modes of `eml`
    trust: z.enum(['inside', 'outside']).default('outside'),
    pollEvery: Duration.prefault('5s'),
    /** A file that does not say itself that it is finished, and was not moved in, is taken when nothing was written to it for so long. */
    quietFor: Duration.prefault('10s'),
    keepDone: Duration.prefault('0s'),
    /** What lies behind this gateway: mail for it goes back to the MTA, into the gateway's own queue, and from there into its OUT folder. */
    addressSpaces: z.array(AddressSpace).max(100).default([]),
    /** The format of files in OUT; default the gateway's own dialect where it can be written, else `eml`. */
    writes: z.enum(writtenForms).optional(),
    /** So many files in OUT that nobody took, and no more are written. */
    maxWaiting: z.int().min(1).max(1_000_000).default(10_000),
  }),
]);

const Connector = z.discriminatedUnion('kind', [
  z.strictObject({
    name: Name,
    kind: z.literal('smtp'),
    addressSpaces: z.array(AddressSpace).min(1),
    /** Smart hosts, tried in order; without them the domain's MX (RFC 5321 §5.1). */
    smartHosts: z.array(Host).max(10).default([]),
    tls: Tls.default('opportunistic'),
    user: z.string().optional(),
    passwordEnv: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]*$/)
      .optional(), // name of the variable that holds it
    maxMessageBytes: Size.optional(),
    maxSessions: z.int().min(1).max(1_000).default(20),
    schedule: z.lazy(() => RetrySchedule).optional(),
  }),
  z.strictObject({
    name: Name,
    kind: z.literal('routing-group'),
    site: Site, // the site it leads to
    cost: z.int().min(1).max(100).default(1),
    bridgeheads: z.array(Host).min(1).max(10),
    tls: Tls.default('required'),
    maxMessageBytes: Size.optional(),
    maxSessions: z.int().min(1).max(1_000).default(20),
    schedule: z.lazy(() => RetrySchedule).optional(),
  }),
]);

/** When a failed attempt is tried again; Exchange 2003's numbers by default. */
const RetrySchedule = z.strictObject({
  glitchRetries: z.array(Duration).default([60_000, 60_000, 60_000]),
  retries: z.array(Duration).default([600_000, 600_000, 600_000]),
  thenEvery: Duration.prefault('15m'),
  delayReportAfter: Duration.prefault('12h'),
  expireAfter: Duration.prefault('2d'),
});

const Limits = z
  .strictObject({
    messageBytes: Size.prefault('50MB'),
    recipientsPerMessage: z.int().min(1).max(100_000).default(1_000), // at the gateway, RFC 5321 §4.5.3.1.8
    recipientsAfterExpansion: z.int().min(1).default(100_000),
    headerBytes: Size.prefault('1MB'),
    hops: z.int().min(1).max(200).default(30), // Received fields on arrival (E2)
    expansionDepth: z.int().min(1).max(32).default(32),
  })
  .prefault({});

/** `organization.yaml`: what is the same for every service of a line. */
export const Organization = z.strictObject({
  organization: z.string().min(1).max(64),
  site: Site,
  server: z.string().min(1).max(64),
  servers: z.array(z.strictObject({ name: z.string().min(1).max(64), site: Site })).min(1),
  hostname: DomainName.optional(), // the name this line has in banners, Received and Reporting-MTA; default `<server>.<first authoritative domain>`
  domains: z.array(Domain).min(1),
  postmaster: z.email(),
  limits: Limits,
  schedule: RetrySchedule.prefault({}),
  gateways: z.array(Gateway).default([]),
  connectors: z.array(Connector).default([]),
  /**
   * How foreign systems and Internet mail name the same people, ours or theirs: each side with the variables of Exchange's recipient
   * policies. The first pair that fits an address counts.
   */
  addressTemplates: z
    .array(
      z.strictObject({
        foreign: z.string().max(500),
        internet: z.string().max(500),
        /** Whose addresses: those of people behind a gateway, or ours as a foreign system knows them. */
        people: z.enum(['theirs', 'ours']).default('theirs'),
      }),
    )
    .max(100)
    .default([]),
  /** Links between other sites, so that mail for a site without a connector of ours takes the cheapest path. One way each, as connectors are. */
  siteLinks: z
    .array(z.strictObject({ from: Site, to: Site, cost: z.int().min(1).max(100).default(1) }))
    .max(1_000)
    .default([]),
  messageFormats: z.array(MessageFormat).max(1_000).default([]),
  contentRetention: Duration.optional(), // default: expireAfter, the longest hold and a day (R13)
});
export type Organization = z.output<typeof Organization>;
/** The settings as a person writes them: defaults left out, durations and sizes as text. */
export type OrganizationInput = z.input<typeof Organization>;
export type GatewaySettings = Organization['gateways'][number];
export type ConnectorSettings = Organization['connectors'][number];
export type RetrySchedule = Organization['schedule'];

type SmtpGatewaySettings = Extract<GatewaySettings, { kind: 'smtp' }>;

/** The settings of a listener that the organization file does not name: every default. */
export function defaultListener(name: string, listener: SmtpGatewaySettings['listener']): SmtpGatewaySettings {
  const settings = Gateway.parse({ name, kind: 'smtp', listener });
  if (settings.kind !== 'smtp') throw new Error('a listener is an SMTP gateway');
  return settings;
}
