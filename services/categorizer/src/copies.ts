import type {
  AcceptedMail,
  CategorizedMail,
  ContentForm,
  DeliveryReport,
  LocalDelivery,
  MailboxRecipient,
  Recipient,
  RecipientStatus,
} from '@mailrail/contracts';
import type { BrokenGroup, Resolution, ReversePath, WantedForm, Way } from '@mailrail/directory';
import { derivedId, recipientId } from '@mailrail/mail';
import { failureReport } from '@mailrail/pipeline';
import { type Resolving, recipientOn } from './recipients.ts';

type Resolved = Extract<Resolution<Resolving>, { kind: 'resolved' }>;

/** The form a copy takes for what its recipients can read: undefined where this message has nothing they cannot. */
export type FormOf = (wanted: WantedForm) => ContentForm | undefined;

/** A mail as it goes on, and where. `hides`: a group passed here does not want its members to be known. */
export type Copy = { hides: boolean } & (
  | { station: 'store.local-delivery'; mail: LocalDelivery }
  | { station: 'aq.post-categorization'; mail: CategorizedMail }
  | { station: 'aq.pre-categorization'; mail: AcceptedMail; group: string } // members of a large group; the id of that group
);

/** What a mail becomes. */
export interface Bifurcation {
  copies: Copy[];
  reports: DeliveryReport[];
  /** Changes of the counts (E5): after them they balance. */
  expanded: number;
  members: number;
  merged: number;
}

/** Most recipients of one mail (R15). */
const maxRecipients = 100;
const maxGroups = 32;

/**
 * Splits a mail into as few as its recipients' different handling allows: where they are, whom the reverse-path names, whether
 * their group hides them or wishes no automatic replies, what their systems can read of the content. Each part has an identity derived from what was split off (R1); a mail that stays whole keeps its own.
 */
export function bifurcate(
  mail: AcceptedMail,
  resolution: Resolved,
  { now, organizationVersion, formOf }: { now: number; organizationVersion: string; formOf: FormOf },
): Bifurcation {
  const local = new Parts<MailboxRecipient>();
  const onward = new Parts<Recipient>();
  for (const { way, address, mailbox } of resolution.local)
    local.add(mail, way, {}, { ...recipientOn(mail.rootId, way, address), mailbox });
  for (const { way, address, server, form } of resolution.hops) {
    onward.add(mail, way, { server, form: form === undefined ? undefined : formOf(form) }, recipientOn(mail.rootId, way, address));
  }

  const base = { ...mail, organizationVersion };
  const copies: Copy[] = [];
  for (const { key, part, recipients } of local.slices()) {
    const own = {
      ...base,
      ...part.envelope,
      recipients,
      mailId: derivedId(mail.mailId, `categorizer:local:${key}`),
      parentId: mail.mailId,
    };
    copies.push({ station: 'store.local-delivery', mail: own, hides: part.hides });
  }
  for (const { key, part, recipients } of onward.slices()) {
    const own = {
      ...base,
      ...part.envelope,
      recipients,
      mailId: derivedId(mail.mailId, `categorizer:onward:${key}`),
      parentId: mail.mailId,
    };
    const { server, form } = part.toward;
    const target = server === undefined ? {} : { targetSite: server.site, targetServer: server.name };
    const contentForm = form === undefined ? {} : { contentForm: form };
    const onwards = { ...own, categorizedAt: now, ...target, ...contentForm };
    copies.push({ station: 'aq.post-categorization', mail: onwards, hides: part.hides });
  }
  for (const { id, way, members } of resolution.large) {
    for (let at = 0; at < members.length; at += maxRecipients) {
      const recipients = members
        .slice(at, at + maxRecipients)
        .map(({ address }) => recipientOn(mail.rootId, { ...way, member: address }, address));
      const key = JSON.stringify([id, way.reverse, way.hidden ?? null, at / maxRecipients, ...quiet(mail, way)]);
      const own = {
        ...base,
        ...envelopeOn(mail, way),
        recipients,
        mailId: derivedId(mail.mailId, `categorizer:expand:${key}`),
        parentId: mail.mailId,
      };
      copies.push({ station: 'aq.pre-categorization', mail: own, group: id, hides: isHidden(way) });
    }
  }
  const [only] = copies;
  if (copies.length === 1 && only !== undefined) stayWhole(only, mail);

  const failures = failuresOf(mail, resolution);
  const merged = resolution.merged + resolution.reports.length - failures.length;
  const expanded = resolution.groups.length;
  const large = resolution.large.reduce((sum, { members }) => sum + members.length, 0);
  const after = resolution.local.length + resolution.hops.length + failures.length + large + expanded + merged;
  const broken = resolution.broken.map((group) => brokenReport(mail, group));
  return {
    copies,
    reports: [...reportsOf(mail, resolution, failures), ...broken],
    expanded,
    merged,
    members: after + broken.length - mail.recipients.length, // what is wrong with a group counts as a member of it that failed
  };
}

/** What a copy's envelope has of the way its recipients came. */
interface OnTheWay {
  sender: string | null;
  expandedVia: string[];
  suppressAutoReplies?: true;
}

/** Where a copy goes: a server of the organization, or elsewhere, where perhaps not everything can be read. */
interface Toward {
  server?: { name: string; site: string } | undefined;
  form?: ContentForm | undefined;
}

interface Part<R> {
  envelope: OnTheWay;
  toward: Toward;
  hides: boolean;
  recipients: R[];
}

/** Recipients of one kind, by what must be different about their copies. */
class Parts<R> {
  readonly #parts = new Map<string, Part<R>>();

  add(mail: AcceptedMail, way: Way<Resolving>, toward: Toward, recipient: R): void {
    const envelope = envelopeOn(mail, way);
    const { server, form } = toward;
    const place = server === undefined ? '' : `${server.site}\n${server.name}`;
    const key = JSON.stringify([place, envelope.sender, way.hidden ?? null, ...quiet(mail, way), ...(form === undefined ? [] : [form])]);
    const part = this.#parts.get(key);
    if (part === undefined) {
      this.#parts.set(key, { envelope, toward, hides: isHidden(way), recipients: [recipient] });
      return;
    }
    part.recipients.push(recipient);
    for (const group of envelope.expandedVia) {
      if (!part.envelope.expandedVia.includes(group) && part.envelope.expandedVia.length < maxGroups) part.envelope.expandedVia.push(group);
    }
  }

  *slices(): Iterable<{ key: string; part: Part<R>; recipients: R[] }> {
    for (const [key, part] of this.#parts) {
      for (let at = 0; at < part.recipients.length; at += maxRecipients) {
        yield { key: `${key}:${at / maxRecipients}`, part, recipients: part.recipients.slice(at, at + maxRecipients) };
      }
    }
  }
}

function envelopeOn(mail: AcceptedMail, way: Way<Resolving>): OnTheWay {
  return {
    sender: reversePath(mail.sender, way.reverse),
    expandedVia: [...mail.expandedVia, ...way.groups].slice(0, maxGroups),
    ...(isQuiet(mail, way) ? { suppressAutoReplies: true } : {}),
  };
}

/** Nobody answers by himself to what says that it is automatic (RFC 3834 §2), so that needs no copy of its own. */
function isQuiet({ header }: AcceptedMail, { suppressOof }: Way<Resolving>): boolean {
  return suppressOof === true && header?.autoSubmitted !== true;
}

/** What a key has more for members who are not to answer by themselves; other keys stay as they are. */
function quiet(mail: AcceptedMail, way: Way<Resolving>): string[] {
  return isQuiet(mail, way) ? ['quiet'] : [];
}

/** Hidden by a group passed here, and not by one the mail came through. */
function isHidden({ hidden, source }: Way<Resolving>): boolean {
  return hidden !== undefined && source.hidden === undefined;
}

/** A report stays without a reverse-path, whatever a group wishes: nobody is told of what becomes of a report. */
export function reversePath(sender: string | null, reverse: ReversePath): string | null {
  if (sender === null || reverse.kind === 'sender') return sender;
  return reverse.kind === 'owner' ? reverse.address : null;
}

function stayWhole(copy: Copy, { mailId, parentId }: AcceptedMail): void {
  copy.mail.mailId = mailId;
  if (parentId === undefined) delete copy.mail.parentId;
  else copy.mail.parentId = parentId;
}

/** Failures, each recipient's once: who fails by two ways is told of once, and the second is merged. */
function failuresOf(mail: AcceptedMail, { reports }: Resolved): { way: Way<Resolving>; about: RecipientStatus }[] {
  const once = new Map<string, { way: Way<Resolving>; about: RecipientStatus }>();
  for (const { way, status, reason } of reports) {
    const recipient = recipientOn(mail.rootId, way, way.member ?? way.source.recipient.address);
    if (!once.has(recipient.id)) once.set(recipient.id, { way, about: { recipient, action: 'failed', status, reason } });
  }
  return [...once.values()];
}

/** Failures by who hears of them, and the expansion of a group whose sender wants to know of success (E3). */
function reportsOf(mail: AcceptedMail, resolution: Resolved, failures: ReturnType<typeof failuresOf>): DeliveryReport[] {
  const told = new Map<string, { to: string | null | undefined; about: RecipientStatus[] }>();
  const add = (to: string | null | undefined, status: RecipientStatus) => {
    const key = JSON.stringify([to === undefined ? 'sender' : to]);
    const group = told.get(key);
    if (group === undefined) told.set(key, { to, about: [status] });
    else group.about.push(status);
  };
  for (const { way, about } of failures) {
    add(way.reverse.kind === 'sender' ? undefined : way.reverse.kind === 'owner' ? way.reverse.address : null, about);
  }
  for (const { way } of resolution.groups) {
    const { recipient } = way.source;
    if (way.member !== undefined || recipient.notify === 'never' || recipient.notify?.includes('success') !== true) continue;
    add(undefined, { recipient, action: 'expanded', status: '2.0.0', reason: 'the message was sent on to the members of the group' });
  }
  const reports: DeliveryReport[] = [];
  for (const { to, about } of told.values()) {
    for (let at = 0; at < about.length; at += maxRecipients) {
      reports.push(failureReport(mail, about.slice(at, at + maxRecipients), 'categorizer', to));
    }
  }
  return reports;
}

/**
 * What its owner is told of a group the directory has wrong; an operator, if nobody owns it. The recipient is the group, by an
 * identity of its own, so that a report about the group itself is another one. Of the mail only the header is shown.
 */
function brokenReport(mail: AcceptedMail, { id, address, owner, problems, reason }: BrokenGroup): DeliveryReport {
  const recipient: Recipient = { id: recipientId(mail.rootId, `GROUP:${id}`), address, original: address };
  const more = problems === 1 ? '' : ` (and ${problems - 1} more like it)`;
  const about: RecipientStatus = { recipient, action: 'failed', status: '5.2.4', reason: `the group ${reason}${more}` };
  return {
    ...failureReport(mail, [about], 'categorizer', owner ?? null),
    ret: 'hdrs',
    ...(owner === undefined ? { nobodyToTell: true } : {}),
  };
}
