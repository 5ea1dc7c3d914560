import { type ContentStore, ContentStoreError } from '@mailrail/content-store';
import { oneLine, replyOutcome } from '@mailrail/mail';
import type { OutgoingMail, OutgoingRecipient, RecipientAnswer, SiteParameters } from '@mailrail/smtp';
import { type Body, convertedBinaryBody, convertedBody, relayedBody, relayedBytes } from './body.ts';
import { maxConvertibleHeaderBytes, planBinary, planConversion } from './convert-8bit.ts';
import { conversion, type Fit, fit, type Misfit } from './fit.ts';
import type { RestingHosts, Unreached } from './open-first.ts';
import type { SessionPool } from './pool.ts';
import type { ResolveHosts } from './resolve-hosts.ts';
import type { Delivered, SmtpSession } from './session.ts';
import type { Answer, Order, Peer, Sent, Transport } from './transport.ts';

export interface SmtpTransportOptions {
  store: ContentStore;
  resolve: () => ResolveHosts; // read anew, so that a changed organization file counts
  pool: SessionPool<SmtpSession, Unreached>;
  resting: RestingHosts;
}

/** Transactions for one mail when the peer takes only some recipients at a time (RFC 5321 §4.5.3.1.10). */
const maxRounds = 100;

/** Hands mail over by SMTP, on pooled sessions. */
export function smtpTransport(options: SmtpTransportOptions): Transport {
  const { store, pool } = options;

  return {
    async send(order) {
      const hosts = await options.resolve()(order.destination);
      if (hosts.kind === 'permanent') return { kind: 'undeliverable', status: hosts.status, reason: hosts.reason };
      if (hosts.kind === 'transient') return { kind: 'unreachable', reason: hosts.reason, trouble: true };

      let body: Body;
      try {
        body = await relayedBody(store, order.content);
      } catch (error) {
        return noContent(error);
      }
      for (let fresh = false; ; fresh = true) {
        const acquired = await pool.acquire(options.resting.last(hosts.hosts), order.bounds, fresh);
        if (acquired.kind === 'stopped') return { kind: 'unreachable', reason: 'no session came free in time', trouble: false };
        if (acquired.kind === 'failed') return acquired.failure;
        const { session, reused } = acquired;
        const sent = await carry(order, body, session, reused);
        // The peer had closed the idle session: nothing was said yet, so a new one may say it.
        if (sent === 'stale') continue;
        return sent;
      }
    },
  };

  /** The mail over one session, in as many transactions as the peer wants. */
  async function carry(order: Order, whole: Body, session: SmtpSession, reused: boolean): Promise<Sent | 'stale'> {
    const { capabilities } = session;
    const { bounds } = order;
    const peer: Peer = {
      mta: session.mta,
      host: session.target.host,
      tls: session.tls,
      dsn: capabilities.dsn,
      keepsTime: capabilities.deliverBy !== undefined,
      reused,
    };
    const everybody = (misfit: Misfit): Sent => {
      pool.release(session, true);
      return { kind: 'answered', answers: order.recipients.map(() => refusedHere(misfit)), peer, bytes: 0 };
    };
    let fitted = fit(order, capabilities, session.tls === 'verified');
    if ('status' in fitted) return everybody(fitted);
    let body = whole;
    if (fitted.convert !== undefined) {
      let found: Body | Misfit;
      try {
        found = convertible(order, await beginning(order), fitted.convert);
      } catch (error) {
        pool.release(session, true);
        return noContent(error);
      }
      if (!('status' in found)) body = found;
      else if (conversion(order.content, capabilities) !== undefined) return everybody(found);
      else fitted = { ...fitted, convert: undefined }; // only wished for, and better so than not at all
    }

    const answers: (Answer | undefined)[] = fitted.recipients.map((one) => (typeof one === 'string' ? undefined : refusedHere(one)));
    let open = answers.flatMap((answer, at) => (answer === undefined ? [at] : []));
    let bytes = 0;
    let trouble: string | undefined;
    let usable = true;
    let hurried = false;
    for (let round = 0; open.length > 0 && round < maxRounds; round++) {
      if (bounds.signal?.aborted === true || bounds.deadlineMs <= Date.now()) break;
      const mail = outgoing(order, fitted, open);
      const delivered = await session.deliver(mail, body, bounds);
      bytes += delivered.bytes;
      if (delivered.contentError !== undefined && round === 0) {
        pool.release(session, false);
        return noContent(delivered.contentError);
      }
      if (round === 0 && reused && isStale(delivered)) {
        pool.release(session, false);
        return 'stale';
      }
      const judged = delivered.answers.map((answer) => judge(answer));
      const troubled = judged.find(({ about }) => about === 'destination')?.reason;
      ({ hurried } = delivered);
      trouble = hurried ? undefined : troubled;
      usable = troubled === undefined && delivered.ended === undefined;
      for (const [at, { answer }] of judged.entries()) {
        const index = open[at];
        if (index !== undefined) answers[index] = answer;
      }
      // Recipients too many for one transaction go into the next one, as long as each takes somebody.
      const rest = open.filter((_, at) => judged[at]?.about === 'transaction');
      const progress = judged.some(({ answer }) => answer.kind === 'accepted');
      if (!progress || !usable) break;
      open = rest;
    }
    pool.release(session, usable);
    const stopped = bounds.signal?.aborted === true;
    if (trouble !== undefined && !stopped) options.resting.failed(session.key);
    return {
      kind: 'answered',
      answers: answers.map((answer) => answer ?? { kind: 'deferred', code: 0, status: '4.4.2', reason: 'stopped before it was sent' }),
      peer,
      bytes,
      ...(hurried ? { hurried } : {}),
      ...(trouble === undefined || stopped ? {} : { trouble: `${session.target.host}: ${trouble}` }),
    };
  }

  /** The body in a form the peer takes, or why there is none (E4). */
  function convertible({ content }: Order, head: Buffer, from: '8bit' | 'binary'): Body | Misfit {
    if (from === 'binary') {
      const plan = planBinary(head);
      if (plan === undefined) return convertedBinaryBody(store, content);
      const reason = `the next system takes no binary message (BINARYMIME), and this one cannot be converted: ${plan.reason}`;
      return { status: '5.6.1', reason };
    }
    const plan = planConversion(head);
    if (!('reason' in plan)) return convertedBody(store, content, plan);
    return { status: '5.6.3', reason: `the next system takes no 8-bit text, and the message cannot be converted: ${plan.reason}` };
  }

  async function beginning({ content }: Order): Promise<Buffer> {
    const head = await store.head(content.ref, Math.min(content.sizeBytes, content.relayOffset + maxConvertibleHeaderBytes));
    return head.subarray(content.relayOffset);
  }
}

function outgoing(order: Order, fitted: Fit, open: readonly number[]): OutgoingMail {
  const recipients: OutgoingRecipient[] = [];
  for (const at of open) {
    const mailbox = fitted.recipients[at];
    const recipient = order.recipients[at];
    if (typeof mailbox !== 'string' || recipient === undefined) continue;
    const { notify, orcpt } = recipient;
    recipients.push({ mailbox, ...(notify === undefined ? {} : { notify }), ...(orcpt === undefined ? {} : { orcpt }) });
  }
  return {
    sender: fitted.sender,
    recipients,
    // What a conversion makes is larger by an amount nobody knows yet.
    ...(fitted.convert === undefined ? { sizeBytes: relayedBytes(order.content) } : {}),
    ...(order.content.body !== '7bit' && fitted.convert === undefined ? { body: order.content.body } : {}),
    smtputf8: fitted.smtputf8,
    ...(order.envid === undefined ? {} : { envid: order.envid }),
    ...(order.ret === undefined ? {} : { ret: order.ret }),
    ...(order.priority === undefined ? {} : { priority: order.priority }),
    ...(order.deliverBy === undefined || fitted.bySeconds === undefined
      ? {}
      : { deliverBy: { seconds: fitted.bySeconds, mode: order.deliverBy.mode, trace: order.deliverBy.trace } }),
    ...(order.requireTls === true ? { requireTls: true } : {}),
    site: sayable(order.site),
  };
}

/** A trace that is no W3C traceparent is begun anew from the mail's identity, or the peer would refuse the parameter. */
function sayable(site: SiteParameters): SiteParameters {
  if (/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(site.traceparent)) return site;
  return { ...site, traceparent: `00-${site.rootId.replaceAll('-', '')}-0000000000000001-01` };
}

function refusedHere({ status, reason }: Misfit): Answer {
  return { kind: 'refused', code: 0, status, reason };
}

/** Nobody got a reply and no dot was sent: the session was dead before the mail. */
function isStale({ answers, contentError }: Delivered): boolean {
  return contentError === undefined && answers.every((answer) => answer.kind === 'lost' && !answer.afterDot);
}

function judge(answer: RecipientAnswer): {
  answer: Answer;
  about: 'destination' | 'message' | 'recipient' | 'transaction';
  reason: string;
} {
  switch (answer.kind) {
    case 'unsupported':
      return { answer: refusedHere(answer), about: 'recipient', reason: answer.reason };
    case 'lost': {
      const reason = oneLine(answer.afterDot ? `the reply to the message was lost: ${answer.reason}` : answer.reason);
      if (answer.afterDot) return { answer: { kind: 'unknown', reason }, about: 'destination', reason };
      return { answer: { kind: 'deferred', code: 0, status: '4.4.2', reason }, about: 'destination', reason };
    }
    case 'accepted':
    case 'refused':
    case 'deferred': {
      const { code, enhanced, text } = answer.reply;
      const { kind, status, about, reply } = replyOutcome(code, enhanced, text, answer.kind === 'accepted' ? 'content' : answer.step);
      if (kind === 'delivered') return { answer: { kind: 'accepted', code, status, reply }, about, reason: reply };
      if (kind === 'permanent') return { answer: { kind: 'refused', code, status, reason: reply, reply }, about, reason: reply };
      return { answer: { kind: 'deferred', code, status, reason: reply }, about, reason: reply };
    }
  }
}

function noContent(error: unknown): Sent {
  const missing = error instanceof ContentStoreError && error.code !== 'unavailable';
  return { kind: 'no-content', missing, reason: oneLine(`message body: ${error instanceof Error ? error.message : String(error)}`) };
}
