import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { oneLine, replyOutcome } from '@mailrail/mail';
import {
  type Capabilities,
  type ClientEvent,
  ClientSession,
  type ClientStep,
  type OutgoingMail,
  type RecipientAnswer,
  type RemoteReply,
} from '@mailrail/smtp';
import type { Body } from './body.ts';
import { isLoopback } from './next-hop.ts';
import type { Pooled } from './pool.ts';
import { errorText, phaseOf, seconds } from './session-words.ts';
import type { TimeLimits, WorkBounds } from './time-limits.ts';
import type { TlsPolicy } from './tls-policy.ts';

export interface SessionOptions {
  hostname: string; // for EHLO
  tls: TlsPolicy;
  limits: TimeLimits;
  auth?: { user: string; password: string };
  site?: boolean; // the site extension is wanted (S2)
}

export interface SessionTarget {
  key: string; // of the pool
  host: string; // the name TLS verifies
  address: string;
  port: number;
}

/** Why no session came about. */
export interface OpenFailure {
  reason: string;
  /** The host answered that it never takes mail (RFC 7504). */
  refusesMail: boolean;
  /** Only TLS failed, and the policy allows to do without. */
  withoutTls: boolean;
  /** Given up for the mail's own time, before the host's was over: nothing is known of the host. */
  hurried: boolean;
}

export interface Delivered {
  /** In the order of the mail's recipients. */
  answers: readonly RecipientAnswer[];
  bytes: number; // of content, before dots are doubled
  /** The session is over: what the host said to end it, or what happened. */
  ended?: string;
  /** The body could not be read to its end, so the mail was broken off. */
  contentError?: unknown;
  /** Given up for the mail's own time, before the host's was over: nothing is known of the host. */
  hurried: boolean;
}

interface Work {
  body: Body;
  bounds: WorkBounds;
  bytes: number;
  answers: readonly RecipientAnswer[];
  contentError?: unknown;
  resolve: (delivered: Delivered) => void;
}

/**
 * One SMTP session over a socket: gives the engine of `@mailrail/smtp` its bytes, its time limits and its TLS, and streams
 * bodies with back-pressure. Carries any number of mails, one after the other.
 */
export class SmtpSession implements Pooled {
  readonly key: string;
  readonly target: SessionTarget;
  onClosed: (() => void) | undefined;
  mails = 0;
  tls: 'none' | 'unverified' | 'verified' = 'none';
  /** Why TLS could not be verified, for the log. */
  tlsTrouble: string | undefined;
  mta: string;
  readonly #options: SessionOptions;
  readonly #openBounds: WorkBounds;
  readonly #engine: ClientSession;
  #socket: Socket;
  #timer: NodeJS.Timeout | undefined;
  #opened: ((result: SmtpSession | OpenFailure) => void) | undefined;
  #work: Work | undefined;
  #drained: (() => void) | undefined;
  #full = false; // the socket wants its writer to wait
  #trouble: string | undefined; // the socket's own error, more telling than "closed"
  #tlsFailed = false;
  #hurried = false;

  /**
   * Opens a session up to the point where a mail may start.
   *
   * @param bounds of the mail it is opened for; each phase has its own limit, too.
   */
  static open(target: SessionTarget, options: SessionOptions, bounds: WorkBounds): Promise<SmtpSession | OpenFailure> {
    const { signal } = bounds;
    return new Promise((resolve) => {
      const session = new SmtpSession(target, options, bounds, (result) => {
        signal?.removeEventListener('abort', stop);
        resolve(result);
      });
      const stop = () => session.#engine.connectionLost('stopped');
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  private constructor(
    target: SessionTarget,
    options: SessionOptions,
    bounds: WorkBounds,
    opened: (result: SmtpSession | OpenFailure) => void,
  ) {
    this.key = target.key;
    this.target = target;
    this.mta = target.host;
    this.#options = options;
    this.#opened = opened;
    this.#openBounds = bounds;
    this.#engine = new ClientSession(
      {
        hostname: options.hostname,
        tls: options.tls.mode,
        cleartextAuth: isLoopback(target.address),
        ...(options.auth === undefined ? {} : { auth: options.auth }),
        ...(options.site === undefined ? {} : { site: options.site }),
      },
      (event) => this.#on(event),
    );
    this.#socket = connect({ host: target.address, port: target.port, noDelay: true });
    this.#limit(options.limits.connectMs, 'no connection');
    this.#socket.once('connect', () => this.#limit(options.limits.greetingMs, 'no greeting'));
    this.#listen(this.#socket);
  }

  get alive(): boolean {
    return this.#engine.step === 'idle';
  }
  get capabilities(): Capabilities {
    return this.#engine.capabilities;
  }

  /**
   * Carries one mail. Never rejects. The bounds hold up to the closing dot. Behind it only the reply counts, and it has the whole
   * of its limit, whatever was used up before: a peer that is left before it replied may have the mail, and gets it again.
   *
   * @throws Error when the session is not idle: a caller's mistake.
   */
  async deliver(mail: OutgoingMail, body: Body, bounds: WorkBounds): Promise<Delivered> {
    const { signal } = bounds;
    const { promise, resolve } = Promise.withResolvers<Delivered>();
    this.#work = { body, bounds, bytes: 0, answers: [], resolve };
    this.mails += 1;
    const stop = () => {
      if (this.#engine.step !== 'final') this.#engine.connectionLost('stopped');
    };
    signal?.addEventListener('abort', stop, { once: true });
    this.#limit(this.#options.limits.commandMs, 'no reply to MAIL, RCPT or DATA');
    this.#engine.start(mail);
    const delivered = await promise;
    signal?.removeEventListener('abort', stop);
    return delivered;
  }

  /** Says goodbye if that is possible now; closes in any case. */
  quit(): void {
    if (this.#engine.step !== 'idle') return this.#engine.connectionLost('given up');
    this.#limit(this.#options.limits.quitMs, 'no reply to QUIT');
    this.#engine.quit();
  }

  readonly #onData = (chunk: Buffer) => this.#engine.receive(chunk);
  readonly #onDrain = () => {
    this.#full = false;
    this.#drained?.();
  };
  readonly #onEnd = () => this.#engine.connectionLost(this.#trouble ?? 'the server closed the connection');

  #listen(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', (error) => {
      this.#trouble ??= errorText(error);
    });
    socket.on('close', () => this.#engine.connectionLost(this.#trouble ?? 'the connection was closed'));
  }

  #on(event: ClientEvent): void {
    switch (event.kind) {
      case 'send':
        if (!this.#socket.write(event.bytes)) this.#full = true;
        break;
      case 'starttls':
        this.#startTls();
        break;
      case 'ready':
        this.#ready(event.greeting);
        break;
      case 'content':
        this.#send();
        break;
      case 'answered':
        if (this.#work !== undefined) this.#work.answers = event.answers;
        if (this.#engine.step === 'reset') this.#limit(this.#options.limits.commandMs, 'no reply to RSET');
        break;
      case 'closed':
        this.#closed(event.reason, event.reply, event.step);
    }
    // What the engine says next has its own limit; the greeting's ends with the greeting.
    if (event.kind === 'send' && this.#opened !== undefined)
      this.#limit(this.#options.limits.commandMs, `no reply in step ${this.#engine.step}`);
  }

  #ready(greeting: string): void {
    clearTimeout(this.#timer);
    if (greeting !== '') this.mta = oneLine(greeting, 200);
    const opened = this.#opened;
    if (opened !== undefined) {
      this.#opened = undefined;
      opened(this);
      return;
    }
    this.#finish(undefined);
  }

  #finish(ended: string | undefined): void {
    const work = this.#work;
    if (work === undefined) return;
    this.#work = undefined;
    const { answers, bytes, contentError } = work;
    const hurried = this.#hurried;
    work.resolve({
      answers,
      bytes,
      hurried,
      ...(ended === undefined ? {} : { ended }),
      ...(contentError === undefined ? {} : { contentError }),
    });
  }

  #closed(reason: string, reply: RemoteReply | undefined, step: ClientStep): void {
    clearTimeout(this.#timer);
    if (step === 'quit') this.#socket.destroySoon();
    else this.#socket.destroy();
    this.#drained?.();
    const outcome = reply === undefined ? undefined : replyOutcome(reply.code, reply.enhanced, reply.text, phaseOf(step));
    const said = outcome === undefined ? reason : `${reason}: ${outcome.reply}`;
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.({
      reason: said,
      refusesMail: outcome?.kind === 'permanent',
      withoutTls: this.#tlsFailed && !this.#hurried && this.#options.tls.mode === 'opportunistic',
      hurried: this.#hurried,
    });
    this.#finish(said);
    this.onClosed?.();
  }

  #startTls(): void {
    const { mode, context } = this.#options.tls;
    const { host, address } = this.target;
    const plain = this.#socket;
    plain.off('data', this.#onData).off('drain', this.#onDrain).off('end', this.#onEnd);
    this.#tlsFailed = true;
    this.#limit(this.#options.limits.tlsMs, 'no TLS handshake');
    const secured: TLSSocket = connectTls({
      socket: plain,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      secureContext: context,
      rejectUnauthorized: mode === 'required',
    });
    secured.once('secureConnect', () => {
      this.#tlsFailed = false;
      this.tls = secured.authorized ? 'verified' : 'unverified';
      this.tlsTrouble = secured.authorized ? undefined : oneLine(String(secured.authorizationError));
      if (!secured.authorized && this.#options.auth !== undefined && !isLoopback(address)) {
        return this.#engine.connectionLost(`credentials are sent over verified TLS only (${this.tlsTrouble})`);
      }
      this.#engine.tlsStarted();
    });
    this.#socket = secured;
    this.#listen(secured);
  }

  /** The peer said 354: the whole body, then the dot. */
  #send(): void {
    const work = this.#work;
    if (work === undefined) return;
    if (work.body.kind === 'bytes') {
      work.bytes = work.body.bytes.length;
      this.#limitFinal();
      this.#socket.cork();
      this.#engine.write(work.body.bytes);
      this.#engine.endContent();
      this.#socket.uncork();
      return;
    }
    this.#stream(work, work.body.open()).catch((error: unknown) => {
      work.contentError = error;
      // The dot was not sent, so the peer drops what it has.
      this.#engine.connectionLost('the stored body could not be read');
    });
  }

  async #stream(work: Work, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { blockMs } = this.#options.limits;
    for await (const chunk of chunks) {
      if (this.#engine.step !== 'content') return; // the peer has answered already, or is gone
      this.#limit(blockMs, 'the server does not take the message');
      work.bytes += chunk.length;
      this.#engine.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (this.#full && this.#engine.step === 'content') await this.#drain();
    }
    if (this.#engine.step !== 'content') return;
    this.#limitFinal();
    this.#engine.endContent();
  }

  async #drain(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    await promise;
    this.#drained = undefined;
  }

  /** From now on this phase has so long, within the bounds of the mail at hand. A session without a mail has none. */
  #limit(limitMs: number, what: string): void {
    const bounds = this.#work?.bounds ?? (this.#opened === undefined ? undefined : this.#openBounds);
    if (bounds === undefined) return this.#set(limitMs, what, false);
    const now = Date.now();
    const patientMs = Math.max(0, Math.min(limitMs, bounds.deadlineMs - now));
    const hurriedMs = Math.max(bounds.hurryAtMs - now, this.#options.limits.hurriedMs);
    this.#set(Math.min(patientMs, hurriedMs), what, hurriedMs < patientMs);
  }

  #limitFinal(): void {
    this.#set(this.#options.limits.finalMs, 'no reply to the end of data', false);
  }

  #set(limitMs: number, what: string, hurried: boolean): void {
    clearTimeout(this.#timer);
    if (this.#engine.step === 'closed') return;
    this.#timer = setTimeout(() => {
      this.#hurried = hurried;
      this.#engine.connectionLost(`${what} within ${seconds(limitMs)}`);
    }, limitMs);
  }
}
