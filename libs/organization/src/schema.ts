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

const Host = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?$/, 'host, host:port or [address]:port');

const Tls = z.enum(['never', 'opportunistic', 'required']);

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
    /** A file that stops inside a line, or behind its header, is taken when nothing was written to it for so long. */
    quietFor: Duration.prefault('5s'),
    keepDone: Duration.prefault('0s'),
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
  /** Links between other sites, so that mail for a site without a connector of ours takes the cheapest path. One way each, as connectors are. */
  siteLinks: z
    .array(z.strictObject({ from: Site, to: Site, cost: z.int().min(1).max(100).default(1) }))
    .max(1_000)
    .default([]),
  contentRetention: Duration.optional(), // default: expireAfter, the longest hold and a day (R13)
});
export type Organization = z.output<typeof Organization>;
/** The settings as a person writes them: defaults left out, durations and sizes as text. */
export type OrganizationInput = z.input<typeof Organization>;
export type GatewaySettings = Organization['gateways'][number];
export type ConnectorSettings = Organization['connectors'][number];
export type RetrySchedule = Organization['schedule'];
