import type { ContentStore } from '@mailrail/content-store';
import { type AcceptedMail, type HeaderFacts, type Hooks, noHooks, type OutboundMail, type Recipient } from '@mailrail/contracts';
import { headerFacts, normalizedNotify, receivedOnArrival } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { decidedBy, done, type Outcome, permanent, poison, type Stage, toStation, transient } from '@mailrail/pipeline';
import { storedHead } from './stored-head.ts';

export interface SubmitDeps {
  content: Pick<ContentStore, 'head'>;
  organization: OrganizationSnapshot;
  hooks: Hooks;
  now: number; // milliseconds since the epoch
}

/** Attempts at a body that is not there (a replica behind); about an hour on the internal ladder. */
const maxAttempts = 8;
const headerMarginBytes = 4_096;

/**
 * Submission to Advanced Queuing: everything that enters the transport core passes here, mail of this site and of others,
 * reports, too. That only one of several copies goes on is the pipeline's claim, before this is asked.
 */
export const submit: Stage<OutboundMail, SubmitDeps> = (mail, deps) =>
  mail.header === undefined ? readAndAccept(mail, deps) : accept(mail, mail.header, deps);

/** Mail that entered at MTS-OUT was not seen by the translator: the header block is read here. */
async function readAndAccept(mail: OutboundMail, deps: SubmitDeps): Promise<Outcome> {
  const head = await storedHead(deps.content, mail.content.ref, deps.organization.settings.limits.headerBytes + headerMarginBytes);
  switch (head.kind) {
    case 'bytes':
      return accept(mail, headerFacts(head.bytes), deps);
    case 'unavailable':
      return transient(`content store: ${head.reason}`, { ladder: 'internal' });
    case 'missing':
      return mail.attempt < maxAttempts
        ? transient(`content: ${head.reason}`, { ladder: 'internal' })
        : poison(`content: ${head.reason}, ${mail.attempt} times`);
    default:
      return head satisfies never;
  }
}

function accept(mail: OutboundMail, header: HeaderFacts, { organization, hooks, now }: SubmitDeps): Outcome | Promise<Outcome> {
  const { hops } = organization.settings.limits;
  const arrived = receivedOnArrival(header);
  if (arrived > hops) return permanent(`${arrived} Received fields, the limit is ${hops}`, '5.4.6');
  if (mail.hop > hops) return permanent(`passed ${mail.hop} sites, the limit is ${hops}`, '5.4.6');

  const { envid, ret, ...rest } = mail;
  const accepted: AcceptedMail = {
    ...rest,
    // Nobody is told of what becomes of a report, so it carries no wishes (RFC 3461 §6.1).
    ...(mail.sender === null || envid === undefined ? {} : { envid }),
    ...(mail.sender === null || ret === undefined ? {} : { ret }),
    recipients: mail.recipients.map((recipient) => withWishes(recipient, mail.sender === null)),
    header,
    submittedAt: now,
    ...held(mail, now),
  };
  return hooks === noHooks ? passOn(accepted) : hooked(accepted, hooks);
}

async function hooked(mail: AcceptedMail, hooks: Hooks): Promise<Outcome> {
  const result = await hooks.run('submit', mail, mail);
  return decidedBy(result) ?? passOn(result.kind === 'replace' ? result.value : mail);
}

function passOn(mail: AcceptedMail): Outcome {
  const { recipients, content, origin, dueAt } = mail;
  return done([toStation('aq.pre-categorization', mail)], {
    facts: {
      recipients: recipients.length,
      sizeBytes: content.sizeBytes,
      dialect: origin.dialect,
      ...(dueAt === undefined ? {} : { heldUntil: new Date(dueAt).toISOString() }),
    },
  });
}

/**
 * A mail its sender wants held (RFC 4865) is submitted, claimed and counted like any other, and then waits on the ladder in front of the
 * categorizer: who its recipients are is found out when it is let go.
 */
function held({ heldUntil }: OutboundMail, now: number): Pick<AcceptedMail, 'dueAt' | 'lastReason'> {
  if (heldUntil === undefined || heldUntil <= now) return {};
  return { dueAt: heldUntil, lastReason: `held until ${new Date(heldUntil).toISOString()}, as its sender wished` };
}

function withWishes(recipient: Recipient, isReport: boolean): Recipient {
  if (isReport) return { ...recipient, notify: 'never' };
  return recipient.notify === undefined ? recipient : { ...recipient, notify: normalizedNotify(recipient.notify) };
}
