import { noCapabilities, parseCapabilities } from './capabilities.ts';
import { mailCommand, needsUtf8, rcptCommand, unsupportedMail, unsupportedRecipient } from './client-envelope.ts';
import type {
  AnswerStep,
  Capabilities,
  ClientEvent,
  ClientOptions,
  ClientStep,
  OutgoingMail,
  RecipientAnswer,
  RemoteReply,
} from './client-types.ts';
import { DotStuffer } from './dot-stuffer.ts';
import { ReplyError, ReplyReader } from './reply-reader.ts';

type Awaited = { command: 'mail' } | { command: 'rcpt'; at: number } | { command: 'data' };

/**
 * The client's side of an SMTP or LMTP session, without I/O: the host gives it what the server sent and sends what it says; time limits
 * are the host's, by `step`. One mail at a time, any number one after the other. After a refusal at any step the session is
 * clean for the next mail, or closed.
 */
export class ClientSession {
  readonly #options: ClientOptions;
  readonly #emit: (event: ClientEvent) => void;
  #reader = new ReplyReader();
  #step: ClientStep = 'greeting';
  #greeting = '';
  #offered: Capabilities = noCapabilities;
  #tls: boolean;
  #authenticated = false;
  #authSteps: string[] = []; // what is still to be said in the AUTH exchange
  #saidHello: 'EHLO' | 'HELO' | 'LHLO' = 'EHLO';

  #mail: OutgoingMail | undefined;
  #answers: (RecipientAnswer | undefined)[] = [];
  #sendable: number[] = []; // recipients that are said to the server
  #awaited: Awaited[] = [];
  #unsaid: number[] = []; // recipients whose RCPT is still to be sent
  #mailRefused = false;
  #dataAccepted = false;
  #stuffer = new DotStuffer();

  /** @param emit is called while the session works; it may call back. */
  constructor(options: ClientOptions, emit: (event: ClientEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#tls = options.secure ?? false;
  }

  get #lmtp(): boolean {
    return this.#options.protocol === 'lmtp';
  }
  get step(): ClientStep {
    return this.#step;
  }
  get capabilities(): Capabilities {
    return this.#offered;
  }

  /** Bytes the server sent. */
  receive(chunk: Buffer): void {
    if (this.#step === 'closed') return;
    try {
      const replies = this.#reader.push(chunk);
      for (const [at, reply] of replies.entries()) {
        if (this.#closed()) return;
        this.#reply(reply, at < replies.length - 1 || this.#reader.pending);
      }
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#lost(error.message);
    }
  }

  /** TLS is up: what was learned before it does not count (RFC 3207 §4.2). */
  tlsStarted(): void {
    if (this.#step !== 'starttls') throw new Error('tlsStarted without a starttls event');
    this.#tls = true;
    this.#reader = new ReplyReader();
    this.#hello();
  }

  /** Begins a mail. @throws Error when the session is not idle: a caller's mistake. */
  start(mail: OutgoingMail): void {
    if (this.#step !== 'idle') throw new Error(`a mail cannot start in step ${this.#step}`);
    this.#mail = mail;
    const whole = unsupportedMail(mail, this.#offered);
    this.#answers = mail.recipients.map((recipient) => whole ?? unsupportedRecipient(recipient, this.#offered));
    this.#sendable = this.#answers.flatMap((answer, at) => (answer === undefined ? [at] : []));
    this.#mailRefused = this.#dataAccepted = false;
    this.#stuffer = new DotStuffer();
    if (this.#sendable.length === 0) return this.#answered('clean');

    this.#step = 'envelope';
    this.#unsaid = [...this.#sendable];
    const command = mailCommand(mail, this.#offered, needsUtf8(mail) && this.#offered.smtputf8);
    this.#awaited = [{ command: 'mail' }];
    if (!this.#offered.pipelining) return this.#say(command);
    let group = command;
    for (const at of this.#unsaid.splice(0)) {
      const recipient = mail.recipients[at];
      if (recipient === undefined) continue;
      group += rcptCommand(recipient, this.#offered);
      this.#awaited.push({ command: 'rcpt', at });
    }
    // What BDAT says is content at once, so who takes it must be known first.
    if (mail.body === 'binary') return this.#say(group);
    this.#awaited.push({ command: 'data' });
    this.#say(`${group}DATA\r\n`);
  }

  /**
   * Content bytes after the `content` event, lines ended by CR LF; dots are stuffed here. Of a binary mail just so many bytes as was said,
   * whatever they are. Ignored when the mail is already over.
   */
  write(chunk: Buffer): void {
    if (this.#step !== 'content' || chunk.length === 0) return;
    if (this.#mail?.body === 'binary') return this.#emit({ kind: 'send', bytes: chunk });
    this.#emit({ kind: 'send', bytes: this.#stuffer.push(chunk) });
  }

  /** The content is complete. */
  endContent(): void {
    if (this.#step !== 'content') return;
    this.#step = 'final';
    if (this.#mail?.body !== 'binary') this.#emit({ kind: 'send', bytes: this.#stuffer.end() });
  }

  /** Says good-bye; `closed` follows. Outside `idle` the session just ends, and a mail in hand is lost. */
  quit(): void {
    if (this.#step === 'closed') return;
    if (this.#step !== 'idle') return this.#lost('the session was given up');
    this.#step = 'quit';
    this.#say('QUIT\r\n');
  }

  /** The connection is gone, or a time limit has passed. */
  connectionLost(reason = 'the connection was closed'): void {
    if (this.#step !== 'closed') this.#lost(reason);
  }

  #reply(reply: RemoteReply, more: boolean): void {
    // 421 may come instead of any reply and ends the session (RFC 5321 §3.8).
    if (reply.code === 421 && this.#step !== 'envelope' && this.#step !== 'content' && this.#step !== 'final') {
      return this.#close('the server closes the session', reply);
    }
    switch (this.#step) {
      case 'greeting':
        if (reply.code !== 220) return this.#close('the server does not take mail', reply);
        this.#greeting = reply.text.split(/\s/, 1)[0] ?? '';
        return this.#hello();
      case 'ehlo':
        return this.#helloReply(reply);
      case 'starttls':
        return this.#starttlsReply(reply, more);
      case 'auth':
        return this.#authReply(reply);
      case 'envelope':
        return this.#envelopeReply(reply);
      case 'content':
        // A yes to half a message is none: it cannot have the rest.
        if (reply.code < 400) return this.#lost('the server answered before the end of data');
        // An answer before the end of data: the server has had enough, and what it would make of the rest is not known.
        this.#settle('content', reply);
        return this.#answered('broken', reply);
      case 'final':
        return this.#finalReply(reply);
      case 'reset':
        return reply.code === 250 ? this.#ready() : this.#close('RSET was refused', reply);
      case 'quit':
        return this.#close('the session was ended', reply);
      case 'idle':
        return this.#close('the server spoke unasked', reply);
      case 'closed':
        return undefined;
    }
  }

  #hello(verb: 'EHLO' | 'HELO' | 'LHLO' = this.#lmtp ? 'LHLO' : 'EHLO'): void {
    this.#step = 'ehlo';
    this.#saidHello = verb;
    this.#say(`${verb} ${this.#options.hostname}\r\n`);
  }

  #helloReply(reply: RemoteReply): void {
    if (reply.code !== 250) {
      // RFC 5321 §3.2: a server that does not know EHLO may know HELO. Inside TLS it did know EHLO.
      if (this.#saidHello === 'EHLO' && reply.code >= 500 && !this.#tls) return this.#hello('HELO');
      return this.#close(`${this.#saidHello} was refused`, reply);
    }
    this.#offered = this.#saidHello === 'HELO' ? noCapabilities : parseCapabilities(reply.text);
    if (this.#greeting === '') this.#greeting = reply.text.split(/\s/, 1)[0] ?? '';
    const { tls = 'opportunistic', auth } = this.#options;
    if (!this.#tls && tls !== 'never') {
      if (this.#offered.starttls) {
        this.#step = 'starttls';
        return this.#say('STARTTLS\r\n');
      }
      if (tls === 'required') return this.#close('the server does not offer STARTTLS');
    }
    return auth === undefined || this.#authenticated ? this.#ready() : this.#auth(auth);
  }

  #starttlsReply(reply: RemoteReply, more: boolean): void {
    if (reply.code === 220) {
      // Whatever came along with the reply was not protected: taking it for a part of the session would be the injection of
      // CVE-2011-0411, seen from the other side.
      if (more) return this.#close('the server sent more after its answer to STARTTLS');
      return this.#emit({ kind: 'starttls' });
    }
    const { tls = 'opportunistic', auth } = this.#options;
    if (tls === 'required') return this.#close('STARTTLS was refused', reply);
    return auth === undefined ? this.#ready() : this.#auth(auth);
  }

  #auth({ user, password }: { user: string; password: string }): void {
    if (!this.#tls && this.#options.cleartextAuth !== true) return this.#close('credentials need TLS, and there is none');
    const plain = this.#offered.auth.includes('PLAIN');
    if (!plain && !this.#offered.auth.includes('LOGIN')) return this.#close('the server offers neither AUTH PLAIN nor AUTH LOGIN');
    this.#step = 'auth';
    if (plain) return this.#say(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`);
    this.#authSteps = [base64(user), base64(password)];
    return this.#say('AUTH LOGIN\r\n');
  }

  #authReply(reply: RemoteReply): void {
    if (reply.code === 334) {
      const next = this.#authSteps.shift();
      return this.#say(next === undefined ? '*\r\n' : `${next}\r\n`);
    }
    if (reply.code !== 235) return this.#close('authentication was refused', reply);
    this.#authenticated = true;
    // What is offered may depend on who asks: XMAILRAIL does.
    return this.#options.site === true && !this.#offered.site ? this.#hello() : this.#ready();
  }

  #envelopeReply(reply: RemoteReply): void {
    const awaited = this.#awaited.shift();
    if (awaited === undefined) return this.#lost('the server sent a reply too many');
    const good = awaited.command === 'data' ? reply.code === 354 : reply.code >= 200 && reply.code < 300;
    if (reply.code === 421) {
      this.#settle(awaited.command, reply);
      return this.#answered('broken', reply);
    }
    if (!good && reply.code < 400) return this.#lost('the server gave a reply that fits no command of ours');

    switch (awaited.command) {
      case 'mail':
        if (!good) {
          this.#mailRefused = true;
          this.#settle('mail', reply);
        }
        break;
      case 'rcpt':
        if (!good && this.#answers[awaited.at] === undefined) this.#answers[awaited.at] = refusal('rcpt', reply);
        break;
      case 'data':
        if (good) this.#dataAccepted = true;
        else this.#settle('data', reply);
    }
    if (this.#awaited.length === 0) this.#nextCommand(awaited);
  }

  /** All replies that were due have come: the next command of a server without PIPELINING, or the content. */
  #nextCommand(last: Awaited): void {
    const someone = this.#answers.some((answer) => answer === undefined);
    if (last.command === 'data') {
      if (!this.#dataAccepted) return this.#answered(this.#mailRefused ? 'clean' : 'open');
      if (someone) {
        this.#step = 'content';
        return this.#emit({ kind: 'content' });
      }
      // RFC 2033 §4.2 forbids it, and no reply to an empty message would come.
      if (this.#lmtp) return this.#lost('the server wants a message for nobody');
      // 354 although nobody was accepted: an empty message ends it (RFC 2920 §3.1).
      this.#step = 'final';
      return this.#say('.\r\n');
    }
    if (!someone) return this.#answered(this.#mailRefused ? 'clean' : 'open');
    const at = this.#unsaid.shift();
    const recipient = at === undefined ? undefined : this.#mail?.recipients[at];
    if (at === undefined || recipient === undefined) {
      if (this.#mail?.body === 'binary') {
        this.#step = 'content';
        this.#say(`BDAT ${this.#mail.sizeBytes} LAST\r\n`);
        return this.#emit({ kind: 'content' });
      }
      this.#awaited.push({ command: 'data' });
      return this.#say('DATA\r\n');
    }
    this.#awaited.push({ command: 'rcpt', at });
    return this.#say(rcptCommand(recipient, this.#offered));
  }

  #finalReply(reply: RemoteReply): void {
    if (reply.code >= 300 && reply.code < 400) return this.#lost('the server gave a reply that fits no command of ours');
    if (this.#lmtp && reply.code !== 421) {
      // RFC 2033 §4.2: one reply for each recipient that was accepted, in the order they were said.
      const next = this.#answers.indexOf(undefined);
      if (next >= 0) this.#answers[next] = answerOf('content', reply);
      if (this.#answers.includes(undefined)) return;
    } else this.#settle('content', reply);
    this.#answered(reply.code === 421 ? 'broken' : 'clean', reply);
  }

  /** Gives `reply` to everybody who has no answer yet. */
  #settle(step: AnswerStep, reply: RemoteReply): void {
    const answer = answerOf(step, reply);
    this.#answers = this.#answers.map((known) => known ?? answer);
  }

  /** @param state of the server: `clean`, a transaction still `open`, or `broken`: not to be used any more. */
  #answered(state: 'clean' | 'open' | 'broken', reply?: RemoteReply): void {
    const answers = this.#answers.map((answer) => answer ?? this.#unanswered('no answer came'));
    const step = this.#step;
    this.#mail = undefined;
    this.#answers = [];
    if (state === 'broken') this.#step = 'closed';
    else if (state === 'open') {
      this.#step = 'reset';
      this.#say('RSET\r\n');
    }
    this.#emit({ kind: 'answered', answers });
    if (state === 'clean') this.#ready();
    else if (state === 'broken')
      this.#emit({ kind: 'closed', reason: 'the server ended the session', step, ...(reply === undefined ? {} : { reply }) });
  }

  #unanswered(reason: string): RecipientAnswer {
    return { kind: 'lost', afterDot: this.#step === 'final', reason };
  }

  /** The session ends without the server's word; who has no answer is lost. */
  #lost(reason: string): void {
    const step = this.#step;
    if (this.#mail !== undefined) {
      const answers = this.#answers.map((answer) => answer ?? this.#unanswered(reason));
      this.#mail = undefined;
      this.#step = 'closed';
      this.#emit({ kind: 'answered', answers });
    }
    this.#step = 'closed';
    this.#emit({ kind: 'closed', reason, step });
  }

  #close(reason: string, reply?: RemoteReply): void {
    const step = this.#step;
    this.#step = 'closed';
    this.#emit({ kind: 'closed', reason, step, ...(reply === undefined ? {} : { reply }) });
  }

  #ready(): void {
    if (this.#closed()) return;
    this.#step = 'idle';
    const { tls, capabilities, greeting, authenticated } = {
      tls: this.#tls,
      capabilities: this.#offered,
      greeting: this.#greeting,
      authenticated: this.#authenticated,
    };
    this.#emit({ kind: 'ready', greeting, capabilities, tls, authenticated });
  }

  #closed(): boolean {
    return this.#step === 'closed';
  }

  #say(text: string): void {
    this.#emit({ kind: 'send', bytes: Buffer.from(text) });
  }
}

function answerOf(step: AnswerStep, reply: RemoteReply): RecipientAnswer {
  return reply.code < 300 ? { kind: 'accepted', reply } : refusal(step, reply);
}

function refusal(step: AnswerStep, reply: RemoteReply): RecipientAnswer {
  return { kind: reply.code >= 500 ? 'refused' : 'deferred', step, reply };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
