import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import { oneLine, replyOutcome } from '@mailrail/mail';
import type { OutgoingMail, RecipientAnswer } from '@mailrail/smtp';
import { deliveredCopies } from './delivered-copies.ts';
import { SizeMismatch } from './file-copy.ts';
import type { LmtpLocation } from './lmtp-location.ts';
import { lmtpPool } from './lmtp-pool.ts';
import { type Delivered, type LmtpLimits, type LmtpSession, openLmtpSession } from './lmtp-session.ts';
import { contentMissing, type MailboxCopy, type MailboxOutcome, type MailboxStore, type StoredForm } from './port.ts';
import { type ReturnPath, returnPathOf, sayableSender } from './return-path.ts';

export interface LmtpMailboxStoreOptions {
  location: LmtpLocation;
  content: Pick<ContentStore, 'head' | 'read'>;
  hostname: string; // said in LHLO
  limits?: Partial<LmtpLimits>;
  /** Everything about one call is over after this, shorter than a handler may take. Default 50 s. */
  deadlineMs?: number;
  idleMs?: number; // default 10 s
  mailsPerSession?: number; // default 1,000
  maxKnownCopies?: number; // remembered as delivered by this process; default 50,000, some 100 bytes each
  /** A reply to a message was lost, so so many copies may be there and be delivered again (R4). */
  inDoubt?: (copies: number) => void;
}

export interface LmtpMailboxStore extends MailboxStore {
  /** Says good-bye on idle sessions; busy ones close when their mail is over. */
  close(): void;
}

const defaultLimits: LmtpLimits = { connectMs: 5_000, commandMs: 30_000, blockMs: 20_000, finalMs: 45_000 };
const probeMs = 10_000;
/** RFC 5321 §4.5.3.1.8: what every server takes in one transaction. */
const recipientsPerMail = 100;
/** Up to this size a body is read in one go; more is streamed. */
const smallBytes = 65_536;

/**
 * Mailboxes behind an LMTP server (RFC 2033), Dovecot or Cyrus. The server answers for each mailbox, and its yes means delivered. It
 * cannot be asked whether it has a copy: repeats are dropped by the ledger, and within this process by what it remembers.
 */
export function lmtpMailboxStore(options: LmtpMailboxStoreOptions): LmtpMailboxStore {
  const { location, content, hostname, deadlineMs = 50_000, idleMs = 10_000, mailsPerSession = 1_000, maxKnownCopies = 50_000 } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const open = (deadline: number) => openLmtpSession(location, hostname, limits, deadline);
  const pool = lmtpPool({ open, maxSessions: location.sessions, idleMs, mailsPerSession });
  const known = deliveredCopies(maxKnownCopies);

  /** Offers a message to some mailboxes, in as many transactions as the server wants. */
  const offer = async (form: StoredForm, mailboxes: readonly string[], deadline: number): Promise<MailboxOutcome[]> => {
    if (form.body === 'binary') {
      const reason = 'a message with binary parts cannot be said to the mailbox server';
      return mailboxes.map(() => ({ kind: 'permanent', status: '5.6.1', reason })); // E4: it would need BDAT
    }
    let head: Buffer;
    try {
      head = await content.head(form.ref, Math.min(form.sizeBytes, smallBytes));
      if (head.length !== Math.min(form.sizeBytes, smallBytes)) throw new SizeMismatch();
    } catch (error) {
      const outcome = contentFailure(error);
      return mailboxes.map(() => outcome);
    }
    const envelope = returnPathOf(head);
    const outcomes: (MailboxOutcome | undefined)[] = mailboxes.map(() => undefined);
    let left = mailboxes.map((_, at) => at);
    while (left.length > 0) {
      const some = left.slice(0, recipientsPerMail);
      const judged = await carry(
        form,
        head,
        envelope,
        some.map((at) => mailboxes[at] ?? ''),
        deadline,
      );
      const again: number[] = [];
      for (const [index, at] of some.entries()) {
        const one = judged[index];
        if (one === 'later') again.push(at);
        else outcomes[at] = one ?? { kind: 'transient', reason: 'mailbox server: no answer' };
      }
      if (again.length === some.length) {
        for (const at of again) outcomes[at] = { kind: 'transient', reason: 'mailbox server: it takes no more recipients' };
        again.length = 0;
      }
      left = [...again, ...left.slice(some.length)];
    }
    return outcomes.map((outcome) => outcome ?? { kind: 'transient', reason: 'mailbox server: no answer' });
  };

  /** One transaction. `later` is who belongs into another one. */
  const carry = async (
    form: StoredForm,
    head: Buffer,
    envelope: ReturnPath,
    mailboxes: readonly string[],
    deadline: number,
  ): Promise<(MailboxOutcome | 'later')[]> => {
    for (let fresh = false; ; fresh = true) {
      let session: LmtpSession;
      let reused: boolean;
      try {
        ({ session, reused } = await pool.acquire(deadline, fresh));
      } catch (error) {
        const reason = `mailbox server: ${oneLine(error instanceof Error ? error.message : String(error))}`;
        return mailboxes.map(() => ({ kind: 'transient', reason }));
      }
      const mail = outgoing(form, envelope, mailboxes, session);
      const body = form.sizeBytes <= smallBytes ? head.subarray(envelope.length) : streamed(form, envelope);
      const delivered = await session.deliver(mail, body, deadline);
      pool.release(session);
      if (delivered.contentError !== undefined) {
        const outcome = contentFailure(delivered.contentError);
        return mailboxes.map(() => outcome);
      }
      if (reused && isStale(delivered) && Date.now() < deadline) continue; // the server had closed it; nothing was said yet
      const doubtful = delivered.answers.filter((answer) => answer.kind === 'lost' && answer.afterDot).length;
      if (doubtful > 0) options.inDoubt?.(doubtful);
      return delivered.answers.map(judge);
    }
  };

  async function* streamed({ ref, sizeBytes }: StoredForm, { length }: ReturnPath): AsyncGenerator<Uint8Array> {
    let bytes = length;
    for await (const chunk of content.read(ref, { start: length })) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('content is bytes');
      bytes += chunk.length;
      yield chunk;
    }
    if (bytes !== sizeBytes) throw new SizeMismatch(); // a body that ends early must not be delivered as if it were whole
  }

  return {
    async deliver(form, wanted) {
      wanted.forEach(checkName);
      const deadline = Date.now() + deadlineMs;
      const mine: { mailbox: string; tell: (outcome: MailboxOutcome) => void; at: number }[] = [];
      const outcomes = wanted.map((copy, at): Promise<MailboxOutcome> => {
        if (copy.mailbox === '') return Promise.resolve({ kind: 'permanent', reason: 'a mailbox without an address', status: '5.1.3' });
        const claimed = known.claim(copy);
        if ('theirs' in claimed) return claimed.theirs;
        const { promise, resolve } = Promise.withResolvers<MailboxOutcome>();
        mine.push({
          mailbox: copy.mailbox,
          at,
          tell(outcome) {
            claimed.mine(outcome);
            resolve(outcome);
          },
        });
        return promise;
      });
      if (mine.length > 0) {
        const came = await offer(
          form,
          mine.map(({ mailbox }) => mailbox),
          deadline,
        ).catch((error: unknown) => {
          for (const { tell } of mine) tell({ kind: 'transient', reason: 'mailbox server: interrupted' }); // nobody waits for ever
          throw error;
        });
        for (const [index, { tell }] of mine.entries()) tell(came[index] ?? { kind: 'transient', reason: 'mailbox server: no answer' });
      }
      return Promise.all(outcomes);
    },
    async probe() {
      const session = await open(Date.now() + probeMs);
      session.quit();
    },
    close: () => pool.close(),
  };
}

function outgoing(
  { sizeBytes, body }: StoredForm,
  { sender, length }: ReturnPath,
  mailboxes: readonly string[],
  { capabilities }: LmtpSession,
): OutgoingMail {
  return {
    sender: sayableSender(sender, capabilities.smtputf8),
    recipients: mailboxes.map((mailbox) => ({ mailbox })),
    sizeBytes: sizeBytes - length,
    // A mailbox is the last stop: where the server does not say that it takes 8-bit text it gets it all the same.
    ...(body === '8bit' && capabilities.eightBit ? { body } : {}),
  };
}

function judge(answer: RecipientAnswer): MailboxOutcome | 'later' {
  switch (answer.kind) {
    case 'unsupported':
      return { kind: 'permanent', reason: answer.reason, status: answer.status };
    case 'lost':
      return {
        kind: 'transient',
        reason: `mailbox server: ${oneLine(answer.afterDot ? `the reply was lost: ${answer.reason}` : answer.reason)}`,
      };
    case 'accepted':
      return { kind: 'delivered' };
    case 'refused':
    case 'deferred': {
      const { code, enhanced, text } = answer.reply;
      const { kind, status, about, reply } = replyOutcome(code, enhanced, text, answer.step);
      if (about === 'transaction') return 'later';
      // What a server says of itself is no fact about a mailbox.
      if (kind === 'permanent' && about !== 'destination') return { kind: 'permanent', reason: reply, status };
      return { kind: 'transient', reason: `mailbox server: ${reply}` };
    }
  }
}

/** Nobody got a reply and no dot was sent: the session was dead before the mail. */
function isStale({ answers }: Delivered): boolean {
  return answers.every((answer) => answer.kind === 'lost' && !answer.afterDot);
}

function contentFailure(error: unknown): MailboxOutcome {
  if (error instanceof SizeMismatch) return { kind: 'transient', reason: error.message };
  if (!(error instanceof ContentStoreError)) throw error;
  return { kind: 'transient', reason: error.code === 'missing' ? contentMissing : `content store: ${error.message}` };
}

function checkName({ name }: MailboxCopy): void {
  if (!/^[A-Za-z0-9-][A-Za-z0-9.-]{0,63}$/.test(name)) throw new TypeError('a delivery needs a name of letters, digits, - and .');
}
