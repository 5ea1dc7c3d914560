import type { ContentStore } from '@mailrail/content-store';
import type { Envelope, Origin, Recipient, TrackingEvent } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { firstLines, HeaderFilter, type ReceivedFrom } from '@mailrail/mail';
import type { OrganizationSnapshot, OrganizationSource } from '@mailrail/organization';
import { type Reply, replies } from '@mailrail/smtp';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { ContentCheck } from './content-check.ts';
import { type Contents, openContents, together } from './intake-content.ts';
import { type MailFacts, mailFacts, mailsOf } from './mails-of.ts';
import { expiryOf, type Wishes } from './wishes.ts';

/** Who a message is for, as the foreign side said. `address` and `original` are typed (`SMTP:ada@corp.example`). */
export interface ForeignRecipient {
  address: string;
  /** As it was given, where that differs (`SMTP:postmaster`). */
  original?: string;
  notify?: Recipient['notify'];
  orcpt?: string;
}

/** What a peer site says of a mail it hands over (S2). Identities are in the peer's name space. */
export interface FromSite {
  peer: string; // as the listener knows it, never as it names itself
  rootId?: string;
  mailId?: string;
  hop?: number; // sites passed, this hand-over included
  traceparent?: string;
}

/** Everything known of a message before its first byte: at DATA, at the head of an HTTP request, at the claim of a file. */
export interface AcceptRequest {
  sender: string | null; // typed; null for the empty reverse-path
  recipients: readonly ForeignRecipient[]; // at least one; the same address twice counts once
  envid?: string; // RFC 3461 §4.4, xtext undone
  ret?: 'full' | 'hdrs';
  smtputf8?: boolean; // the client declared it
  binary?: boolean; // the client declared it: behind the header block may stand any octet
  wishes?: Wishes;
  origin: Origin;
  received: ReceivedFrom;
  /** Whose mail it is for the cap on unsettled mails (B7): an account, else an address. */
  client: string;
  /** Given by a folder's claim (S4); new otherwise. A repeat with the same id makes the same mail (R1, R5). */
  rootId?: string;
  /** Fields that leave the header block on the way in, lower case: `bcc` of a pickup file. */
  removeFields?: readonly string[];
  /** Not an Internet message yet: its bytes are kept as they are, and the translator writes what stands before a message. */
  foreign?: boolean;
  site?: FromSite;
  /** Looks at the bytes as they come. */
  check?: ContentCheck;
}

export interface Accepted {
  ok: true;
  rootId: string;
  recipients: number;
  mails: number; // parts of a large envelope (R15)
  sizeBytes: number; // of the stored form
}

/** Not taken. `reply` is the SMTP answer; other gateways turn `cause` into theirs. Nothing was kept that a sweep will not remove. */
export interface Refused {
  ok: false;
  reply: Reply;
  cause:
    | 'storage'
    | 'unconfirmed'
    | 'full'
    | 'down'
    | 'in-hand'
    | 'too-large'
    | 'header-too-large'
    | 'too-many-hops'
    | 'policy'
    | 'aborted';
}

/** One message on its way in. */
export interface Intake {
  readonly ok: true;
  readonly rootId: string;
  /**
   * Next bytes of the message, lines ended by CR LF, nothing dot-stuffed. They are kept, not copied: the caller must not change them.
   *
   * @returns a promise when the caller should wait before the next call (it never rejects), else `undefined`.
   */
  write(chunk: Buffer): Promise<void> | undefined;
  /** The message is complete. Resolves when it is durable and confirmed, or not to be taken; never rejects. */
  finish(): Promise<Accepted | Refused>;
  /** The client is gone or its message is bad: nothing stays. Idempotent, never rejects. */
  abort(): Promise<void>;
}

export type LineState = 'up' | 'blocked' | 'full' | 'down';

/** The way to the broker, as a gateway sees it. `accept` rejects with an error whose `code` is one of the states or `unconfirmed`. */
export interface GatewayLine {
  accept(station: string, mail: Envelope): Promise<void>;
  state(): LineState;
  /** Tells whoever listens what happened to a mail. */
  tell?(event: Omit<TrackingEvent, 'stage'>): void;
}

export interface AcceptorOptions {
  contents: Pick<ContentStore, 'put' | 'writer' | 'read'>;
  line: GatewayLine;
  organization: Pick<OrganizationSource, 'current'>;
  ledger: Pick<Ledger, 'countOnce'>;
  log: Log;
  metrics: Pick<Metrics, 'recipients' | 'possibleDuplicates'>;
  /** Messages of one client between their first byte and their answer (B7). Default 500. */
  maxInHandPerClient?: number;
  /** Messages up to this size are collected and stored in one call; larger ones stream. While many are collected 65,536 at most. Default 262,144. */
  collectBytes?: number;
  now?: () => number;
}

/** The one way into the line, shared by all gateways. */
export interface Acceptor {
  /** Why nothing can be taken now: `down` at connect (421), `full` before an envelope (452); undefined when all is well. */
  obstacle(): Refused | undefined;
  begin(request: AcceptRequest): Intake | Refused;
  /** Messages between their first byte and their answer, of all clients. */
  readonly inHand: number;
}

/**
 * Yes means durable (design invariant 1): `finish` says `ok` only when the stored form is flushed and every part of the envelope
 * is confirmed by the broker.
 */
export function openAcceptor(options: AcceptorOptions): Acceptor {
  const { line, organization, maxInHandPerClient = 500 } = options;
  const now = options.now ?? Date.now;
  const inHand = new Map<string, number>();
  const shared = together();
  let total = 0;

  function obstacle(): Refused | undefined {
    switch (line.state()) {
      case 'up':
        return undefined;
      case 'down':
        return refused('down', replies.unavailable);
      case 'blocked':
      case 'full':
        return refused('full', replies.noSpace);
    }
  }

  function begin(request: AcceptRequest): Intake | Refused {
    const blocked = obstacle();
    if (blocked !== undefined) return blocked;
    const mine = inHand.get(request.client) ?? 0;
    if (mine >= maxInHandPerClient) return refused('in-hand', replies.tooManyInHand);
    const hop = request.site === undefined ? 0 : (request.site.hop ?? 1);
    if (hop > maxHops) return refused('too-many-hops', replies.tooManyHops);

    inHand.set(request.client, mine + 1);
    total++;
    const settled = () => {
      total--;
      const left = (inHand.get(request.client) ?? 1) - 1;
      if (left > 0) inHand.set(request.client, left);
      else inHand.delete(request.client);
    };
    return intake(request, hop, settled);
  }

  function intake(request: AcceptRequest, hop: number, settled: () => void): Intake {
    const snapshot = organization.current();
    const facts: MailFacts = mailFacts(
      request,
      hop,
      snapshot.version,
      expiryOf(request.wishes ?? {}, now(), snapshot.settings.schedule.expireAfter),
    );
    const only = facts.recipients.length === 1 ? facts.recipients[0]?.address : undefined;
    const isForeign = request.foreign === true;
    const first = isForeign
      ? nothingFirst
      : firstLines({
          sender: request.sender,
          from: request.received,
          by: snapshot.hostname,
          rootId: facts.rootId,
          at: request.origin.at,
          ...(only === undefined ? {} : { onlyRecipient: only }),
        });
    const filter = new HeaderFilter(new Set(request.removeFields), ourNames(snapshot));
    filter.ended = isForeign;
    const contents: Contents = openContents({
      store: options.contents,
      key: { rootId: facts.rootId, form: facts.form },
      fresh: request.rootId === undefined && request.site?.rootId === undefined,
      first,
      ...(request.check === undefined ? {} : { check: request.check }),
      filter,
      limits: snapshot.settings.limits,
      collectBytes: options.collectBytes ?? 262_144,
      together: shared,
    });
    let open = true;
    const close = () => {
      if (open) settled();
      open = false;
    };

    async function finish(): Promise<Accepted | Refused> {
      if (!open) return refused('aborted', replies.localError);
      try {
        const stored = await contents.finish();
        if (!stored.ok) {
          if (stored.error !== undefined) options.log.error('gateway.content-failed', { rootId: facts.rootId, error: stored.error });
          return refused(stored.cause, stored.reply);
        }
        const mails = mailsOf(facts, stored, first.relayOffset);
        const failed = await publish(facts.station, mails);
        if (failed !== undefined) return failed;
        counted(facts, mails);
        return { ok: true, rootId: facts.rootId, recipients: facts.recipients.length, mails: mails.length, sizeBytes: stored.sizeBytes };
      } catch (error) {
        options.log.error('gateway.accept-failed', { rootId: facts.rootId, error });
        return refused('storage', replies.localError);
      } finally {
        close();
      }
    }

    return {
      ok: true,
      rootId: facts.rootId,
      write: (chunk) => contents.write(chunk),
      finish,
      async abort() {
        if (!open) return;
        close();
        await contents.abort();
      },
    };
  }

  /** All parts or none as far as the client is told; parts that were confirmed before another failed are admitted duplicates (R4). */
  async function publish(station: string, mails: readonly Envelope[]): Promise<Refused | undefined> {
    const [only] = mails;
    if (mails.length === 1 && only !== undefined) {
      try {
        await line.accept(station, only);
        return undefined;
      } catch (error) {
        return notTaken(error);
      }
    }
    const results = await Promise.allSettled(mails.map((mail) => line.accept(station, mail)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure === undefined) return undefined;
    const confirmed = mails.reduce((sum, mail, at) => sum + (results[at]?.status === 'fulfilled' ? mail.recipients.length : 0), 0);
    if (confirmed > 0) options.metrics.possibleDuplicates.inc({ cause: 'part-unconfirmed' }, confirmed);
    return notTaken(failure.reason);
  }

  function notTaken(error: unknown): Refused {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'blocked' || code === 'full') return refused('full', replies.noSpace);
    if (code === 'down') return refused('down', replies.unavailable);
    if (code !== 'unconfirmed') options.log.error('gateway.publish-failed', { error });
    return refused('unconfirmed', replies.notConfirmed);
  }

  // Advanced Queuing counts the same keys again, so an answer of the ledger is not waited for (E5).
  let counts: { key: string; count: { field: 'accepted'; by: number } }[] = [];
  function counted({ station, request: { origin } }: MailFacts, mails: readonly Envelope[]): void {
    if (counts.length === 0) setImmediate(flushCounts);
    const at = now();
    for (const { rootId, mailId, recipients, content, heldUntil } of mails) {
      const by = recipients.length;
      counts.push({ key: `accepted:${mailId}`, count: { field: 'accepted', by } });
      options.metrics.recipients.inc({ event: 'accepted' }, by);
      const held = heldUntil === undefined ? undefined : new Date(heldUntil).toISOString();
      line.tell?.({
        at,
        event: 'accepted',
        rootId,
        mailId,
        recipients: by,
        station,
        ...(held === undefined ? {} : { reason: `held until ${held}` }),
      });
      options.log.info('mail.accepted', {
        gateway: origin.gateway,
        rootId,
        mailId,
        recipients: by,
        sizeBytes: content.sizeBytes,
        station,
        ...(held === undefined ? {} : { heldUntil: held }),
      });
    }
  }
  function flushCounts(): void {
    const batch = counts;
    counts = [];
    options.ledger.countOnce(batch).catch((error: unknown) => options.log.warn('gateway.count-failed', { error }));
  }

  return {
    obstacle,
    begin,
    get inHand() {
      return total;
    },
  };
}

const maxHops = 255;
const nothingFirst = { bytes: Buffer.alloc(0), relayOffset: 0 };

function refused(cause: Refused['cause'], reply: Reply): Refused {
  return { ok: false, cause, reply };
}

/** Names an `Authentication-Results` field would have to bear to pass for ours (RFC 8601 §5). */
function ourNames({ hostname, settings }: OrganizationSnapshot): ReadonlySet<string> {
  return new Set([hostname.toLowerCase(), ...settings.domains.filter(({ type }) => type !== 'relay').map(({ name }) => name)]);
}
