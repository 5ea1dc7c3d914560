import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { maxHoldMs, type OrganizationSnapshot } from '@mailrail/organization';
import {
  accept,
  type Extension,
  type MailCommand,
  type RcptCommand,
  type Reply,
  reject,
  replies,
  type ScramCredential,
  type ServerEvent,
  ServerSession,
  type XclientCommand,
} from '@mailrail/smtp';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { Acceptor, ForeignRecipient, GatewayLine, Intake } from './accept.ts';
import type { ContentCheck } from './content-check.ts';
import { relayRefusal } from './eml/mailbox.ts';
import type { Who } from './may-relay.ts';
import { comingRecipients } from './coming-recipients.ts';
import type { Client, SessionLimits } from './limits/session-limits.ts';
import type { RecipientCheck } from './recipient-check.ts';
import type { SenderChecks } from './sender-checks/sender-checks.ts';
import { SmtpClock, type SmtpLimits } from './smtp-clock.ts';
import { acceptRequest, recipientOf, type SessionFacts, typedAddress } from './smtp-envelope.ts';
import { grantedPriority } from './wishes.ts';
import { isLoopback, plainAddress, type SmtpSettings, takesStrangers } from './smtp-listeners.ts';

/** What a connection needs of its listener. */
export interface ConnectionContext {
  settings: SmtpSettings;
  snapshot: OrganizationSnapshot;
  extensions: readonly Extension[];
  acceptor: Acceptor;
  limits: SmtpLimits;
  log: Log;
  metrics: Pick<Metrics, 'refused' | 'possibleDuplicates'>;
  tell: GatewayLine['tell'] | undefined;
  /** Undefined where nothing is limited per client. */
  rates: SessionLimits | undefined;
  /** Undefined where senders are not checked. */
  senders: SenderChecks | undefined;
  /** Undefined where recipients are not looked up. */
  recipients: RecipientCheck | undefined;
  /** The connection is inside TLS from its first byte. */
  secured: TLSSocket | undefined;
  /** Of the client, as the socket or a proxy says. */
  address: string;
  /** `address` is the client's; false behind a proxy that does not say who it speaks for: it is the proxy's then. */
  known: boolean;
  /** The socket's own address is that of a proxy whose XCLIENT counts. */
  xclient: boolean;
  inNetwork: boolean; // the client's address is listed as inside (S1)
  /** @returns the account, and the site it stands for on a site listener; undefined for wrong credentials. */
  authenticate(user: string, password: string): { user: string; peer?: string } | undefined;
  /** What is kept of a user's password, a decoy for nobody's; undefined where SCRAM is not offered. */
  scramOf: ((user: string) => ScramCredential) | undefined;
  /** Who a user is that has proved to know the password. */
  proved(user: string): { user: string; peer?: string } | undefined;
  /** Brings up TLS; `TlsUp` is called when it is there, the connection closes when it fails. */
  startTls(raw: Socket, up: (secured: TLSSocket) => void): void;
  /** The site a verified client certificate stands for. */
  siteOf(secured: TLSSocket): string | undefined;
  closed(): void;
}

const maxRefusalLines = 10; // logged in one session
const ofMail: ReadonlySet<string> = new Set(['MAIL', 'RCPT', 'DATA', 'BDAT']);

/** One connection: the socket, and the engine's questions answered. */
export class SmtpConnection {
  readonly #raw: Socket;
  readonly #context: ConnectionContext;
  readonly #session: ServerSession;
  #address: string;
  #inNetwork: boolean; // by the address of the socket or of a PROXY header
  readonly #clock: SmtpClock;
  #socket: Socket;
  #holds = 0; // reasons not to read from the socket just now
  #inputEnded = false;
  #draining = false; // the service stops: this mail, then no more
  #helo = '';
  #esmtp = false;
  #tls: string | undefined;
  #user: string | undefined;
  #peer: string | undefined;
  #greeting: NodeJS.Timeout | undefined; // while the greeting is held back
  #mail: MailCommand | undefined;
  #sender: string | null = null;
  #recipients: ForeignRecipient[] = [];
  #contentBytes = 0;
  #unknown = 0; // recipients nobody has, asked for in this session
  #intake: Intake | undefined;
  #counts = { mails: 0, recipients: 0, refused: 0, bytes: 0 };
  #reason = 'connection lost';
  #over = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#raw = this.#socket = socket;
    this.#context = context;
    this.#clock = new SmtpClock(context.limits);
    this.#address = context.address;
    this.#inNetwork = context.inNetwork;
    if (context.secured !== undefined) this.#tls = protocolOf(context.secured);
    const { settings, snapshot, extensions } = context;
    const { limits } = snapshot.settings;
    this.#session = new ServerSession(
      {
        hostname: snapshot.hostname,
        ...(settings.banner === undefined ? {} : { banner: settings.banner }),
        extensions,
        maxMessageBytes: limits.messageBytes,
        maxHeaderBytes: limits.headerBytes,
        maxRecipients: limits.recipientsPerMessage,
        maxHoldMs: maxHoldMs(settings, snapshot.settings),
        minDeliverBySeconds: Math.ceil(settings.minDeliverBy / 1_000),
        protocol: settings.listener === 'lmtp' ? 'lmtp' : 'smtp',
        requireAuth: !takesStrangers(settings.listener) || settings.requireAuthentication,
        requireTls: settings.requireTls,
        maxErrors: settings.maxErrors,
        ...(settings.maxMails === undefined ? {} : { maxMails: settings.maxMails }),
        scram: context.scramOf !== undefined,
        secure: context.secured !== undefined,
        // Behind a proxy on this machine the way to us is short, the client's is not.
        cleartextAuth: context.known && isLoopback(plainAddress(socket.localAddress)) && isLoopback(context.address),
        xclient: context.xclient,
      },
      (event) => this.#on(event),
    );
    socket.on('close', this.#onClose);
    this.#listen(socket);
  }

  get inTransaction(): boolean {
    return this.#session.inTransaction;
  }

  /** @param refusal instead of a greeting. */
  start(refusal: Reply | undefined): void {
    const { greetingDelay } = this.#context.settings;
    if (refusal !== undefined || greetingDelay === 0) return this.#session.start(refusal);
    this.#greeting = setTimeout(() => this.#greet(undefined), greetingDelay);
    this.#greeting.unref();
    return undefined;
  }

  /** Greets when it is known whether this client may come. @param deciding resolves to the refusal, if any; never rejects. */
  startWhen(deciding: Promise<Reply | undefined>): void {
    this.#hold();
    void deciding.then((refusal) => {
      if (!this.#session.closed) this.start(refusal);
      this.#release();
    });
  }

  #greet(refusal: Reply | undefined): void {
    clearTimeout(this.#greeting);
    this.#greeting = undefined;
    if (!this.#session.closed) this.#session.start(refusal);
  }

  /** The service stops: a session between mails ends now, one with a mail in hand after it. */
  drain(): void {
    this.#draining = true;
    if (this.#session.awaitsTls) this.destroy();
    else if (!this.#session.inTransaction) this.#session.end(replies.shuttingDown);
  }

  /** Waited long enough. A content that is complete keeps its connection until it is decided on. */
  endNow(): void {
    if (this.#session.awaitsTls) this.destroy();
    else if (!this.#session.waitsForHost) this.#session.end(replies.shuttingDown);
  }

  destroy(): void {
    this.#socket.destroy();
    this.#raw.destroy();
  }

  /** Looks at the clock. @param now of `performance.now()` */
  checkTime(now: number): void {
    const over = this.#clock.over(now, this.#session);
    if (over === undefined) return;
    if (over === 'connection' || this.#session.awaitsTls) this.destroy();
    else this.#session.end(replies.timedOut);
  }

  readonly #onData = (chunk: Buffer) => {
    this.#counts.bytes += chunk.length;
    if (this.#greeting !== undefined) this.#greet(replies.earlyTalker);
    if (this.#context.recipients !== undefined && !this.#session.inContent) this.#lookAhead(this.#context.recipients, chunk);
    this.#session.receive(chunk);
  };
  readonly #onEnd = () => {
    this.#inputEnded = true;
    this.#checkEnded();
  };
  readonly #onClose = () => {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#greeting);
    this.#session.clientGone();
    const { log, settings } = this.#context;
    const { mails, recipients, refused, bytes } = this.#counts;
    log.info('gateway.session', {
      gateway: settings.name,
      peer: this.#address,
      mails,
      recipients,
      refused,
      bytes,
      tls: this.#tls !== undefined,
      authenticated: this.#user !== undefined || this.#peer !== undefined,
      reason: this.#reason,
      durationMs: Math.round(performance.now() - this.#clock.since),
    });
    this.#context.closed();
  };

  #listen(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', () => {}); // `close` follows and says what there is to say
  }

  #on(event: ServerEvent): void {
    switch (event.kind) {
      case 'send':
        return this.#send(event.bytes);
      case 'pause':
        return this.#hold();
      case 'resume':
        return this.#release();
      case 'hello':
        this.#helo = event.name;
        this.#esmtp = event.esmtp;
        return;
      case 'mail':
        return this.#onMail(event.mail);
      case 'rcpt':
        return this.#onRcpt(event.rcpt);
      case 'data':
        return this.#onContentBegin();
      case 'chunk':
        return this.#onChunk(event.bytes);
      case 'content-end':
        return this.#onContentEnd();
      case 'content-abort':
        this.#context.log.info('gateway.content-dropped', { gateway: this.#context.settings.name, fault: event.fault });
        return this.#dropIntake();
      case 'auth':
        // Nobody here may act for another (RFC 4616 §2, RFC 5802 §5.1): who asks to must not believe that he does.
        if (event.authzid !== '' && event.authzid !== event.user) return this.#onAuth(undefined);
        if (event.mechanism === 'SCRAM-SHA-256') return this.#onAuth(event.proved ? this.#context.proved(event.user) : undefined);
        return this.#onAuth(this.#context.authenticate(event.user, event.password));
      case 'scram': {
        const scram = this.#context.scramOf?.(event.user);
        return this.#session.answer(scram === undefined ? reject(replies.authUnavailable) : { accept: true, scram });
      }
      case 'starttls':
        return this.#onStartTls();
      case 'xclient':
        return this.#onXclient(event.client);
      case 'refused':
        return this.#onRefused(event.command, event.reply);
      case 'reset':
        return this.#dropIntake();
      case 'close':
        return this.#onEngineClose(event.reason);
    }
  }

  #send(bytes: string): void {
    this.#clock.replied();
    if (this.#socket.destroyed || this.#socket.write(bytes, 'latin1')) return;
    // The client does not read its replies: then nothing it says is read either.
    this.#hold();
    this.#socket.once('drain', () => this.#release());
  }

  #onMail(mail: MailCommand): void {
    const obstacle = this.#draining ? replies.shuttingDown : this.#context.acceptor.obstacle()?.reply;
    if (obstacle !== undefined) return this.#session.answer(reject(obstacle));
    const sender = mail.sender === null ? null : typedAddress(mail.sender);
    if (sender === undefined) return this.#session.answer(reject(replies.badSenderAddress));
    const counted = this.#context.rates?.mail(this.#client(), mail.sizeBytes);
    if (counted === undefined) return this.#beginMail(mail, sender);
    this.#afterCount(counted, () => this.#beginMail(mail, sender));
    return undefined;
  }

  #beginMail(mail: MailCommand, sender: string | null): void {
    const priority = grantedPriority(mail.priority, this.#who() !== 'outside', this.#context.settings);
    this.#mail = priority === undefined ? mail : { ...mail, priority };
    this.#sender = sender;
    this.#recipients = [];
    this.#clock.progressed();
    if (priority === mail.priority) return this.#session.answer(accept);
    // RFC 6710 §4.1: what became of the wish is said.
    return this.#session.answer({ accept: true, enhanced: '2.3.6', text: `${priority} is the new priority of the message` });
  }

  #client(): Client {
    return { address: this.#address, user: this.#user };
  }

  /** Goes on when a client is within his limits, else gives the refusal for an answer. */
  #afterCount(counted: Promise<Reply | undefined>, goOn: () => void): void {
    void counted.then((refusal) => {
      if (refusal === undefined) goOn();
      else this.#session.answer(reject(refusal));
      this.#checkEnded();
    });
  }

  #onRcpt(rcpt: RcptCommand): void {
    const { snapshot } = this.#context;
    const recipient = recipientOf(rcpt, snapshot.settings.postmaster);
    if (recipient === undefined) return this.#session.answer(reject(replies.badRecipientAddress));
    const refusal = relayRefusal(recipient, this.#who(), (name) => snapshot.domain(name));
    if (refusal !== undefined) return this.#session.answer(reject(refusal));
    const counted = this.#context.rates?.recipient(this.#client());
    if (counted === undefined) return this.#lookUp(recipient);
    this.#afterCount(counted, () => this.#lookUp(recipient));
    return undefined;
  }

  #lookUp(recipient: ForeignRecipient): void {
    const { recipients: check, snapshot } = this.#context;
    // A peer site's own categorizer has decided already.
    if (check === undefined || this.#peer !== undefined) return this.#takeRecipient(recipient);
    void check.isUnknown(recipient.address, this.#who() !== 'outside', snapshot).then(async (unknown) => {
      if (unknown) await this.#context.rates?.unknownRecipient(this.#client());
      if (unknown) this.#session.answer(reject(this.#unknownRecipient()));
      else this.#takeRecipient(recipient);
      this.#checkEnded();
    });
    return undefined;
  }

  #takeRecipient(recipient: ForeignRecipient): void {
    this.#recipients.push(recipient);
    return this.#session.answer(accept);
  }

  /** Whoever asks for one unknown recipient after the other is looking for addresses: that is made slow. */
  #unknownRecipient(): Reply {
    this.#unknown += 1;
    return this.#unknown > this.#context.settings.maxUnknownRecipients ? replies.tooManyUnknown : replies.unknownRecipient;
  }

  #lookAhead(check: RecipientCheck, chunk: Buffer): void {
    const { settings } = this.#context;
    const coming = comingRecipients(chunk).slice(0, settings.maxUnknownRecipients - this.#unknown + 1);
    if (coming.length > 1) check.prepare(coming);
  }

  #who(): Who {
    if (this.#peer !== undefined) return 'peer-site';
    if (this.#user !== undefined) return 'authenticated';
    return this.#inNetwork ? 'listed-network' : 'outside';
  }

  #onContentBegin(): void {
    if (this.#mail === undefined) return this.#session.answer(reject(replies.badSequence));
    const facts: SessionFacts = {
      gateway: this.#context.settings.name,
      address: this.#address,
      helo: this.#helo,
      lmtp: this.#context.settings.listener === 'lmtp',
      esmtp: this.#esmtp,
      tls: this.#tls,
      user: this.#user,
      peer: this.#peer,
      inside: this.#who() !== 'outside',
    };
    const request = acceptRequest(facts, this.#mail, this.#sender, this.#recipients, Date.now());
    const check = facts.inside ? undefined : this.#checkSender();
    const begun = this.#context.acceptor.begin(check === undefined ? request : { ...request, check });
    if (!begun.ok) {
      check?.abort();
      return this.#session.answer(reject(begun.reply));
    }
    this.#intake = begun;
    this.#clock.contentBegun();
    return this.#session.answer(accept);
  }

  #checkSender(): ContentCheck | undefined {
    const { senders, settings, snapshot } = this.#context;
    return senders?.begin({
      gateway: settings.name,
      address: this.#address,
      helo: this.#helo,
      sender: this.#sender,
      host: snapshot.hostname,
      refuses: settings.senderChecks === 'reject',
    });
  }

  #onChunk(bytes: Buffer): void {
    this.#contentBytes += bytes.length;
    const wait = this.#intake?.write(bytes);
    if (wait === undefined) return;
    this.#hold();
    void wait.finally(() => this.#release()); // never rejects
  }

  #onContentEnd(): void {
    const intake = this.#intake;
    this.#intake = undefined;
    this.#countContent();
    if (intake === undefined) return this.#session.answer(reject(replies.localError));
    void intake.finish().then((result) => {
      if (result.ok) {
        this.#counts.mails += 1;
        this.#counts.recipients += result.recipients;
        this.#clock.progressed();
        // Our yes is not heard: the client may send it again (R4).
        if (this.#session.closed) this.#context.metrics.possibleDuplicates.inc({ cause: 'reply-lost' }, result.recipients);
      }
      this.#session.answer(result.ok ? { accept: true, text: `Ok: queued as ${result.rootId}` } : reject(result.reply));
      if (this.#draining && !this.#session.inTransaction) this.#session.end(replies.shuttingDown);
      this.#checkEnded();
    });
    return undefined;
  }

  #dropIntake(): void {
    const intake = this.#intake;
    this.#intake = undefined;
    if (intake === undefined) return;
    this.#countContent();
    void intake.abort();
  }

  #countContent(): void {
    this.#context.rates?.content(this.#client(), this.#contentBytes);
    this.#contentBytes = 0;
  }

  #onAuth(known: { user: string; peer?: string } | undefined): void {
    if (known === undefined) {
      const timer = setTimeout(() => {
        this.#session.answer(reject(replies.badCredentials));
        this.#checkEnded();
      }, this.#context.limits.authDelayMs);
      timer.unref();
      return;
    }
    const counted = known.peer === undefined ? this.#context.rates?.login(known.user) : undefined;
    if (counted === undefined) return this.#loggedIn(known);
    this.#afterCount(counted, () => this.#loggedIn(known));
    return undefined;
  }

  #loggedIn(known: { user: string; peer?: string }): void {
    this.#user = known.user;
    if (known.peer !== undefined) {
      this.#peer = known.peer;
      this.#session.enableSiteExtension();
    }
    this.#clock.progressed();
    return this.#session.answer(accept);
  }

  #onStartTls(): void {
    this.#session.answer(accept); // sends 220; what is written from here on is TLS
    const raw = this.#raw;
    raw.off('data', this.#onData);
    raw.off('end', this.#onEnd);
    this.#user = this.#peer = undefined;
    this.#context.startTls(raw, (secured) => {
      this.#socket = secured;
      this.#tls = protocolOf(secured);
      this.#listen(secured);
      secured.on('close', this.#onClose);
      this.#session.tlsStarted();
      this.#clock.replied();
      this.#peer = this.#context.siteOf(secured);
      if (this.#peer !== undefined) this.#session.enableSiteExtension();
      if (this.#draining) this.#session.end(replies.shuttingDown);
    });
  }

  /** Another client from now on, about whom nothing is proved; it is inside by nothing a proxy says (S3). */
  #onXclient({ address, helo = '' }: XclientCommand): void {
    this.#address = address === undefined ? this.#context.address : plainAddress(address);
    this.#helo = helo;
    this.#inNetwork = false;
    this.#user = this.#peer = undefined;
    return this.#session.answer(accept);
  }

  #onRefused(command: string, reply: Reply): void {
    const { metrics, log, settings, tell } = this.#context;
    metrics.refused.inc({ gateway: settings.name, code: String(reply.code) });
    this.#counts.refused += 1;
    if (!ofMail.has(command)) return;
    tell?.({ at: Date.now(), event: 'refused', recipients: command === 'RCPT' ? 1 : this.#recipients.length, ...told(reply) });
    if (this.#counts.refused > maxRefusalLines) return;
    log.info('mail.refused', { gateway: settings.name, peer: this.#address, command, code: reply.code, ...told(reply) });
  }

  #onEngineClose(reason: string): void {
    this.#reason = reason;
    this.#clock.closing();
    // What still comes is read and dropped, so that the client sees our last reply and no reset.
    if (!this.#socket.destroyed) this.#socket.end();
    this.#socket.resume();
    if (this.#inputEnded) this.#socket.destroySoon();
  }

  /** The client has closed its side: when nothing is left to answer, so do we. */
  #checkEnded(): void {
    if (!this.#inputEnded || this.#over || this.#session.waitsForHost) return;
    if (!this.#clock.isClosing) {
      this.#session.clientGone();
      this.#clock.closing();
      this.#socket.end();
    }
    this.#socket.destroySoon();
  }

  #hold(): void {
    if (this.#holds++ === 0) this.#socket.pause();
  }

  #release(): void {
    if (--this.#holds === 0 && !this.#socket.destroyed) this.#socket.resume();
  }
}

function protocolOf(secured: TLSSocket): string {
  return `${secured.getProtocol() ?? 'TLS'} ${secured.getCipher().name}`;
}

function told({ enhanced, text }: Reply): { status?: string; reason: string } {
  return { ...(enhanced === undefined ? {} : { status: enhanced }), reason: text };
}
