import { domainOf, parseMailbox, smtpAddress, smtpMailbox } from '@mailrail/mail';
import type { OrganizationSnapshot, OrganizationSource } from '@mailrail/organization';
import type { Directory } from '../port.ts';
import { bare } from './bare.ts';
import { resolveRecipients } from './resolve-recipients.ts';
import type { Way } from './resolution.ts';

/** What would happen to some addresses. Mailboxes are bare addresses in lower case, `hops` typed ones. */
export interface Explanation {
  local: string[]; // mailboxes here
  hops: string[]; // what leaves this line: other systems, mailboxes of other servers, groups another server expands
  servers: Record<string, string>; // the server of each mailbox, here or elsewhere, and of each group that another server expands
  reports: { recipient: string; status: string; to: string | null }[]; // `to` hears of it: the sender, a group's owner; null: no report is made
  steps: string[];
}

export interface ExplainInput {
  organization: OrganizationSnapshot | OrganizationSource;
  directory: Directory;
  from: string; // bare or typed; empty or `<>` is the null sender
  authenticated: boolean;
  sizeKb: number;
  addresses: readonly string[]; // bare or typed
}

/** Lines of explanation at most; a group of thousands says the same thousands of times. */
const maxSteps = 2_000;

/**
 * Explains the categorizer without sending anything; every group is expanded to the end.
 *
 * @throws DirectoryUnavailable when the directory does not answer, so that nothing can be said.
 */
export async function explainResolution(input: ExplainInput): Promise<Explanation> {
  const organization = 'current' in input.organization ? input.organization.current() : input.organization;
  const sender = input.from === '' || input.from === '<>' ? null : typedAddress(input.from);
  const steps: string[] = [];
  const typed = input.addresses.map(typedAddress);
  // No gateway lets such an address in, so the categorizer never sees one. In a domain of our own the directory is asked all the same.
  const isOurs = (address: string) => organization.domain(domainOf(address) ?? '')?.type === 'authoritative';
  const malformed = typed.filter((address) => isMalformed(address) && !isOurs(address));
  for (const address of malformed) steps.push(`${bare(address)}: 5.1.3 this is no address`);
  const resolution = await resolveRecipients(
    {
      sender,
      recipients: typed.filter((address) => !malformed.includes(address)).map((address) => ({ address })),
      sizeBytes: Math.round(input.sizeKb * 1_024),
      trusted: input.authenticated,
      report: false,
      expandedVia: [],
    },
    {
      directory: input.directory,
      organization,
      largeOver: Number.POSITIVE_INFINITY,
      explain: (line) => {
        if (steps.length < maxSteps) steps.push(line);
        else if (steps.length === maxSteps) steps.push(`... more than ${maxSteps} steps`);
      },
    },
  );
  const told = (way: Pick<Way<{ address: string }>, 'reverse'>): string | null => {
    if (sender === null || way.reverse.kind === 'nobody') return null;
    return bare(way.reverse.kind === 'owner' ? way.reverse.address : sender);
  };

  const noted = (reports: Explanation['reports']): Explanation['reports'] => {
    if (sender === null && reports.length > 0) steps.push('the sender is null: no report is made (RFC 5321 §4.5.5)');
    return distinct(reports);
  };

  switch (resolution.kind) {
    case 'unavailable':
      throw new DirectoryUnavailable(resolution.reason);
    case 'refused': {
      steps.push(`the message as a whole: ${resolution.status} ${resolution.reason}`);
      const reports = input.addresses.map((given) => ({
        recipient: bare(typedAddress(given)),
        status: resolution.status,
        to: told({ reverse: { kind: 'sender' } }),
      }));
      return { local: [], hops: [], servers: {}, reports, steps };
    }
    case 'resolved': {
      for (const { address, owner, problems, reason } of resolution.broken) {
        const more = problems === 1 ? '' : ` (and ${problems - 1} more)`;
        const who =
          owner === undefined ? 'nobody owns it, so this is for an operator (badmail of aq.reports)' : `its owner ${bare(owner)} is told`;
        steps.push(`${bare(address)}: ${reason}${more}; ${who}`);
      }
      const local = resolution.local.map(({ mailbox }) => mailbox.address);
      const servers: Record<string, string> = {};
      for (const mailbox of local) servers[mailbox] = organization.settings.server;
      for (const { address, server } of resolution.hops) if (server !== undefined) servers[bare(address).toLowerCase()] = server.name;
      return {
        local,
        hops: resolution.hops.map(({ address }) => address),
        servers,
        reports: noted([
          ...malformed.map((address) => ({ recipient: bare(address), status: '5.1.3', to: told({ reverse: { kind: 'sender' } }) })),
          ...resolution.reports.map(({ way, recipient, status }) => ({ recipient: bare(recipient), status, to: told(way) })),
        ]),
        steps,
      };
    }
    default:
      return resolution satisfies never;
  }
}

/** An SMTP address that breaks RFC 5321 §4.1.2. `postmaster` alone is one (§4.5.1), and long local parts are let in. */
function isMalformed(address: string): boolean {
  const mailbox = smtpMailbox(address);
  if (mailbox === undefined || mailbox.toLowerCase() === 'postmaster') return false;
  const localBytes = Buffer.byteLength(mailbox.slice(0, Math.max(0, mailbox.lastIndexOf('@'))));
  return !(localBytes > 64 && localBytes <= 255) && parseMailbox(mailbox) === undefined;
}

/** Members of a hidden group all go by its name; who fails by two ways is told of once. */
function distinct(reports: Explanation['reports']): Explanation['reports'] {
  return [...new Map(reports.map((report) => [JSON.stringify(report), report])).values()];
}

/** The directory does not answer, so nothing can be said about an address. */
export class DirectoryUnavailable extends Error {
  constructor(reason: string) {
    super(`directory: ${reason}`);
    this.name = 'DirectoryUnavailable';
  }
}

/** `ada@corp.example` -> `SMTP:ada@corp.example`; what has a type keeps it. */
function typedAddress(given: string): string {
  const text = given.trim().replace(/^<(.*)>$/, '$1');
  const [, type, value] = /^([A-Za-z0-9-]{1,16}):(.*)$/s.exec(text) ?? [];
  if (type === undefined || value === undefined) return smtpAddress(text);
  return type.toUpperCase() === 'SMTP' ? smtpAddress(value) : `${type.toUpperCase()}:${value}`;
}
