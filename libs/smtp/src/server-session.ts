import { randomBytes } from 'node:crypto';
import { CommandLines } from './command-lines.ts';
import { type BodyReceiver, DotBody } from './dot-body.ts';
import { parseMail, parseRcpt } from './parameters.ts';
import { type Reply, replies, replyLine } from './reply.ts';
import { AuthExchange } from './server-auth.ts';
import { type ChunkRefusal, Chunks } from './server-chunks.ts';
import type { Answer, ContentFacts, ContentFault, Extension, MailCommand, ServerEvent, ServerOptions } from './server-types.ts';
import { beforeTls, ehloKeywords, helpVerbs, notImplemented, otherProtocols, type Standing } from './server-words.ts';
import { parseXclient } from './xclient.ts';

/** Input that may wait for an answer before the host is told to stop reading. */
const pauseAboveBytes = 32_768;

type Phase = 'new' | 'commands' | 'auth' | 'content' | 'tls' | 'closed';
type Question = 'mail' | 'rcpt' | 'data' | 'content-end' | 'auth' | 'scram' | 'starttls' | 'xclient';
interface Transaction {
  mail: MailCommand;
  accepted: number;
  refused: number;
  /** What a chunk of its content was refused with: the chunks that are on their way already hear it, too (RFC 3030 §2). */
  failed?: Reply;
}

/**
 * The server's side of an SMTP session (RFC 5321), without I/O: the host gives it what the client sent and gets events; questions
 * are answered in their own time with `answer`. Commands are worked strictly in the order they came, whatever their grouping
 * (RFC 2920), and the replies of a group leave together.
 *
 * The host owns the connection and the clock: time limits end a session with `end`. Memory is bounded by what the host gives
 * before it heeds `pause`, and by one command line.
 */
export class ServerSession {
  readonly #options: ServerOptions;
  readonly #emit: (event: ServerEvent) => void;
  readonly #extensions: ReadonlySet<Extension>;
  readonly #input = new CommandLines();
  #phase: Phase = 'new';
  #question: Question | undefined;
  #running = false;
  #ending = false;
  #paused = false;
  #out = '';
  #command = ''; // the verb at work, for `refused`

  #hello: 'HELO' | 'EHLO' | 'LHLO' | undefined;
  #secure: boolean;
  #authenticated = false;
  #siteExtension = false;
  #auth: AuthExchange | undefined;
  #transaction: Transaction | undefined;
  #body: BodyReceiver | undefined; // takes the input in phase `content`
  readonly #chunks = new Chunks();
  #answers = 1; // replies the content at hand ends with
  #contentOpen = false; // the host has begun a content and knows no end of it yet
  #forwarded = false; // XCLIENT was said: who is at the other end of the wire is not who is at the other end of the proxy
  #mails = 0;
  #errors = 0;
  #authFailures = 0;
  #refusedRecipients = 0;

  /** @param emit is called while the session works, and may answer at once. */
  constructor(options: ServerOptions, emit: (event: ServerEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#extensions = new Set(options.extensions);
    this.#secure = options.secure ?? false;
  }

  get secure(): boolean {
    return this.#secure;
  }
  get authenticated(): boolean {
    return this.#authenticated;
  }
  /** A mail is under way: from MAIL until its last reply. */
  get inTransaction(): boolean {
    return this.#transaction !== undefined || this.#question === 'content-end';
  }
  get waitsForHost(): boolean {
    return this.#question !== undefined;
  }
  /** From the yes to DATA or to the first BDAT to the end of the content, and while octets of a refused BDAT come. */
  get inContent(): boolean {
    return this.#phase === 'content' || this.#chunks.begun;
  }
  /** STARTTLS was answered; `tlsStarted` is awaited. */
  get awaitsTls(): boolean {
    return this.#phase === 'tls';
  }
  get closed(): boolean {
    return this.#phase === 'closed';
  }

  /** Greets the client. @param refusal instead of a greeting: the session is over with it (421, 554). */
  start(refusal?: Reply): void {
    if (this.#phase !== 'new') throw new Error('the session has started');
    if (refusal !== undefined) return this.#endWith(refusal, 'refused');
    this.#phase = 'commands';
    this.#greet();
    this.#run();
  }

  #greet(): void {
    const { hostname, banner = this.#lmtp ? 'LMTP' : 'ESMTP' } = this.#options;
    this.#reply({ code: 220, text: `${hostname} ${banner}` });
  }

  /**
   * The peer has proved to be a site of the organization: XMAILRAIL is offered from the next EHLO on, and taken from now on. That
   * proof is as good as AUTH where a listener requires it.
   */
  enableSiteExtension(): void {
    this.#siteExtension = true;
  }

  /** Bytes the client sent. They are not copied: the host must not change them. */
  receive(chunk: Buffer): void {
    if (this.#phase === 'closed' || this.#phase === 'tls') return;
    this.#input.add(chunk);
    if (this.#phase !== 'new') this.#run();
    this.#steer();
  }

  /** Answers the open question. @throws Error when there is none: a host's mistake. Ignored after the end of the session. */
  answer(answer: Answer): void {
    if (this.#phase === 'closed') return;
    const question = this.#question;
    if (question === undefined) throw new Error('there is no question to answer');
    this.#question = undefined;
    if (!answer.accept && answer.reply.code === 421) {
      if (question === 'content-end') this.#transaction = undefined;
      return this.#endWith(answer.reply, 'refused');
    }
    this.#settle(question, answer);
    this.#run();
    this.#steer();
  }

  /** TLS is up: everything learned before is forgotten (RFC 3207 §4.2). */
  tlsStarted(): void {
    if (this.#phase !== 'tls') throw new Error('tlsStarted without an accepted STARTTLS');
    this.#secure = true;
    this.#hello = undefined;
    this.#authenticated = false;
    this.#siteExtension = false;
    this.#phase = 'commands';
  }

  /** The host ends the session with a reply of its own: a time limit, a stop. */
  end(reply: Reply): void {
    if (this.#phase !== 'closed') this.#endWith(reply, 'ended');
  }

  /** The connection is gone: a content that was under way is told to be dropped, nothing is sent any more. */
  clientGone(): void {
    if (this.#phase === 'closed') return;
    this.#abandon('client-gone');
    this.#phase = 'closed';
    this.#question = undefined;
    this.#out = '';
    this.#input.discard();
  }

  #run(): void {
    if (this.#running) return; // an answer from inside an event: the loop below goes on
    this.#running = true;
    try {
      while (this.#question === undefined && this.#step());
    } finally {
      this.#running = false;
    }
    if (this.#question === undefined) this.#flush();
  }

  /** @returns false when there is nothing to do now. */
  #step(): boolean {
    switch (this.#phase) {
      case 'content':
        return this.#content();
      case 'commands':
      case 'auth': {
        const line = this.#input.next();
        if (line === undefined) return false;
        if (line.kind === 'line') {
          if (this.#phase === 'auth') this.#authLine(line.text);
          else this.#commandLine(line.text);
          return true;
        }
        if (line.kind === 'control' && this.#phase === 'commands') {
          // The third line of a PROXY header of version 2, here from somebody who has no say in who the client is.
          if (line.text === '\0') {
            this.#endWith(replies.unknownCommand, 'errors');
            return true;
          }
          this.#controlLine(line.text);
          return true;
        }
        const inAuth = this.#phase === 'auth';
        this.#command = inAuth ? 'AUTH' : '';
        this.#phase = 'commands';
        this.#auth = undefined;
        if (line.kind === 'too-long') this.#mistake(inAuth ? replies.authLineTooLong : replies.lineTooLong);
        else this.#mistake(replies.badLineEnd);
        return true;
      }
      case 'new':
      case 'tls':
      case 'closed':
        return false;
    }
  }

  #commandLine(text: string): void {
    const space = text.indexOf(' ');
    const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase();
    const rest = space < 0 ? '' : text.slice(space + 1).trim();
    this.#command = /^[A-Z]{1,10}$/.test(verb) ? verb : '';
    if (verb === 'BDAT' && this.#extensions.has('CHUNKING')) return this.#bdatCommand(rest);
    if (this.#needsTls() && !beforeTls.has(verb)) return this.#mistake(replies.tlsRequired);

    switch (verb) {
      case 'EHLO':
      case 'HELO':
      case 'LHLO':
        if ((verb === 'LHLO') !== this.#lmtp) return this.#mistake(this.#lmtp ? replies.lhloHere : replies.unknownCommand);
        return this.#helloCommand(verb, rest);
      case 'MAIL':
        return this.#mailCommand(rest);
      case 'RCPT':
        return this.#rcptCommand(rest);
      case 'DATA':
        return this.#dataCommand(rest);
      case 'RSET':
        this.#forget();
        return this.#reply(replies.ok);
      case 'NOOP':
        return this.#reply(replies.ok);
      case 'QUIT':
        return this.#endWith(replies.closing, 'quit');
      case 'STARTTLS':
        return this.#starttlsCommand(rest);
      case 'AUTH':
        return this.#authCommand(rest);
      case 'VRFY':
        return rest === '' ? this.#mistake(replies.badArguments) : this.#reply(replies.cannotVerify);
      case 'HELP':
        return this.#reply({ code: 214, enhanced: '2.0.0', text: `${helpVerbs(this.#options, this.#standing()).join(' ')}; see RFC 5321` });
      case 'XCLIENT':
        if (this.#options.xclient !== true) return this.#mistake(replies.unknownCommand);
        return this.#xclientCommand(rest);
      default:
        if (notImplemented.has(verb)) return this.#mistake(replies.notImplemented);
        // Another protocol talks to us, perhaps for somebody else: nothing good follows.
        if (otherProtocols.has(verb)) return this.#endWith(replies.unknownCommand, 'errors');
        return this.#mistake(replies.unknownCommand);
    }
  }

  /** A line with a control character is never worked; where that stands in an address, the address is what is wrong. */
  #controlLine(text: string): void {
    const [, verb = '', address] = /^(MAIL FROM|RCPT TO): *(<[^>]*[\p{Cc}][^>]*>)?/iu.exec(text) ?? [];
    this.#command = verb.slice(0, 4).toUpperCase();
    if (verb === '') return this.#mistake(replies.badLineEnd);
    const { requireTls, requireAuth } = this.#options;
    if (requireTls === true && !this.#secure) return this.#mistake(replies.tlsRequired);
    if (this.#command === 'RCPT') {
      if (this.#transaction === undefined) return this.#mistake(replies.badSequence);
      this.#transaction.refused++;
      return this.#mistake(address === undefined ? replies.badArguments : replies.badRecipientAddress);
    }
    if (this.#hello === undefined) return this.#mistake(replies.helloFirst);
    if (this.#transaction !== undefined) return this.#mistake(replies.badSequence);
    if (requireAuth === true && !this.#authenticated && !this.#siteExtension) return this.#mistake(replies.authenticationRequired);
    return this.#mistake(address === undefined ? replies.badArguments : replies.badSenderAddress);
  }

  #helloCommand(verb: 'EHLO' | 'HELO' | 'LHLO', name: string): void {
    if (name === '' || name.length > 255 || /\s/.test(name)) return this.#mistake(replies.badArguments);
    this.#forget();
    this.#hello = verb;
    this.#tell({ kind: 'hello', name, esmtp: verb !== 'HELO' });
    const { hostname } = this.#options;
    if (verb === 'HELO') return this.#reply({ code: 250, text: hostname });
    return this.#reply({ code: 250, text: [hostname, ...ehloKeywords(this.#options, this.#standing())].join('\n') });
  }

  #standing(): Standing {
    return {
      secure: this.#secure,
      authenticated: this.#authenticated,
      authAllowed: this.#authAllowed(),
      site: this.#siteExtension,
    };
  }

  #mailCommand(rest: string): void {
    if (this.#hello === undefined) return this.#mistake(replies.helloFirst);
    if (this.#transaction !== undefined) return this.#mistake(replies.badSequence);
    if (this.#options.requireAuth === true && !this.#authenticated && !this.#siteExtension)
      return this.#mistake(replies.authenticationRequired);
    const parsed = parseMail(rest, this.#rules());
    if (!parsed.ok) return this.#mistake(parsed.reply);
    if (this.#mails >= (this.#options.maxMails ?? Number.POSITIVE_INFINITY)) return this.#endWith(replies.tooManyMails, 'refused');
    this.#transaction = { mail: parsed.value, accepted: 0, refused: 0 };
    return this.#ask('mail', { kind: 'mail', mail: parsed.value });
  }

  #rcptCommand(rest: string): void {
    const transaction = this.#transaction;
    if (transaction === undefined || this.#chunksBegun(transaction)) return this.#mistake(replies.badSequence);
    const parsed = parseRcpt(rest, this.#rules(), transaction.mail.smtputf8);
    if (!parsed.ok) {
      transaction.refused++;
      return this.#mistake(parsed.reply);
    }
    // No mistake of the client's: RFC 5321 §4.5.3.1.10 lets it send the rest in another transaction.
    if (transaction.accepted >= this.#options.maxRecipients) return this.#refuse(replies.tooManyRecipients);
    return this.#ask('rcpt', { kind: 'rcpt', rcpt: parsed.value });
  }

  #dataCommand(rest: string): void {
    if (rest !== '') return this.#mistake(replies.badArguments);
    const transaction = this.#transaction;
    if (transaction === undefined || this.#chunksBegun(transaction)) return this.#mistake(replies.badSequence);
    // RFC 3030 §3: a dot cannot end what may hold anything.
    if (transaction.mail.body === 'binary') return this.#mistake(replies.badSequence);
    if (transaction.accepted === 0) return this.#mistake(this.#nobody(transaction));
    return this.#ask('data', { kind: 'data' });
  }

  #bdatCommand(rest: string): void {
    const refusal = this.#chunkRefusal();
    if (!this.#chunks.command(rest, refusal)) return this.#endWith(replies.badChunk, 'errors');
    if (refusal !== undefined || this.#chunks.begun) return this.#beginChunk();
    return this.#ask('data', { kind: 'data' });
  }

  #chunkRefusal(): ChunkRefusal | undefined {
    const transaction = this.#transaction;
    if (this.#needsTls()) return { reply: replies.tlsRequired, mistake: true };
    if (transaction === undefined) return { reply: replies.badSequence, mistake: true };
    if (transaction.failed !== undefined) return { reply: transaction.failed, mistake: false };
    if (transaction.accepted > 0) return undefined;
    return { reply: this.#nobody(transaction), mistake: true };
  }

  /** A content for nobody. LMTP has one code for it (RFC 2033 §4.2). */
  #nobody({ refused }: Transaction): Reply {
    return refused > 0 && !this.#lmtp ? replies.noValidRecipients : replies.badSequence;
  }

  #beginChunk(): void {
    const begun = this.#chunks.begin();
    if (begun === undefined) return;
    this.#phase = 'content';
    this.#body = begun.body;
    if (begun.body.fault !== undefined) this.#abortContent(begun.body.fault);
    if (begun.empty && !this.#over()) this.#chunkTaken();
  }

  /** All octets of a chunk are here. */
  #chunkTaken(): void {
    this.#command = 'BDAT';
    this.#body = undefined;
    const end = this.#chunks.taken();
    if (end === undefined || this.#over()) return undefined;
    this.#phase = 'commands';
    switch (end.kind) {
      case 'refused': {
        if (end.last && this.#transaction?.failed !== undefined) {
          this.#answers = this.#answersTo(this.#transaction);
          this.#forget();
        }
        const { reply = replies.badSequence, mistake = false } = end.refusal ?? {};
        return mistake ? this.#mistake(reply) : this.#refuse(reply, this.#takeAnswers());
      }
      case 'fault': {
        this.#abortContent(end.fault);
        const reply = contentReply(end.fault);
        if (end.last) this.#endTransaction();
        else if (this.#transaction !== undefined) this.#transaction.failed = reply;
        return this.#refuse(reply, this.#takeAnswers());
      }
      case 'received':
        return this.#reply({ ...replies.ok, text: `${end.sizeBytes} octets received` });
      case 'complete':
        return this.#contentComplete(end.facts);
    }
  }

  #contentComplete(facts: ContentFacts): void {
    this.#endTransaction();
    this.#contentOpen = false;
    this.#ask('content-end', { kind: 'content-end', facts });
  }

  #endTransaction(): void {
    if (this.#transaction !== undefined) this.#answers = this.#answersTo(this.#transaction);
    this.#transaction = undefined;
  }

  #answersTo({ accepted }: Transaction): number {
    return this.#lmtp ? accepted : 1;
  }

  #takeAnswers(): number {
    const answers = this.#answers;
    this.#answers = 1;
    return answers;
  }

  get #lmtp(): boolean {
    return this.#options.protocol === 'lmtp';
  }

  /** A content in chunks is under way or has failed: RCPT and DATA are out of place (RFC 3030 §2). */
  #chunksBegun(transaction: Transaction): boolean {
    return this.#chunks.begun || transaction.failed !== undefined;
  }

  #needsTls(): boolean {
    return this.#options.requireTls === true && !this.#secure;
  }

  #starttlsCommand(rest: string): void {
    if (!this.#extensions.has('STARTTLS')) return this.#mistake(replies.notImplemented);
    if (rest !== '') return this.#mistake(replies.badArguments);
    if (this.#secure) return this.#mistake(replies.alreadyTls);
    if (this.#hello === undefined) return this.#mistake(replies.helloFirst);
    // What came along in clear text must not be taken for something said inside TLS (RFC 3207 §6).
    const discarded = this.#input.discard();
    return this.#ask('starttls', { kind: 'starttls', discarded });
  }

  #xclientCommand(rest: string): void {
    if (this.#transaction !== undefined) return this.#mistake(replies.badSequence);
    const client = parseXclient(rest);
    if (client === undefined) return this.#mistake(replies.badArguments);
    return this.#ask('xclient', { kind: 'xclient', client });
  }

  #authAllowed(): boolean {
    return this.#extensions.has('AUTH') && (this.#secure || (this.#options.cleartextAuth === true && !this.#forwarded));
  }

  #authCommand(rest: string): void {
    if (!this.#extensions.has('AUTH')) return this.#mistake(replies.notImplemented);
    if (!this.#authAllowed()) return this.#mistake(replies.encryptionRequired);
    if (this.#hello === undefined) return this.#mistake(replies.helloFirst);
    if (this.#authenticated) return this.#mistake(replies.alreadyAuthenticated);
    if (this.#transaction !== undefined) return this.#mistake(replies.badSequence);
    const [name = '', initial, more] = rest.split(/ +/);
    if (name === '' || more !== undefined) return this.#mistake(replies.badArguments);
    const mechanism = name.toUpperCase();
    const exchange = AuthExchange.of(mechanism, this.#options.scram === true);
    if (exchange === undefined) return this.#mistake(replies.unknownMechanism);
    this.#auth = exchange;
    this.#phase = 'auth';
    if (initial !== undefined) return this.#authLine(initial);
    return this.#reply(exchange.prompt);
  }

  #authLine(line: string): void {
    this.#command = 'AUTH';
    const step = this.#auth?.line(line) ?? { kind: 'mistake', reply: replies.badSequence };
    if (step.kind === 'say') return this.#reply(step.reply);
    if (step.kind === 'ask' && step.event.kind === 'scram') return this.#ask('scram', step.event);
    this.#authOver();
    return step.kind === 'mistake' ? this.#mistake(step.reply) : this.#ask('auth', step.event);
  }

  #authOver(): void {
    this.#auth = undefined;
    this.#phase = 'commands';
  }

  #content(): boolean {
    const body = this.#body;
    const now = this.#input.current();
    if (body === undefined || now === undefined) return false;
    const end = body.push(now.chunk, now.from);
    if (this.#over()) return false;
    this.#input.used(end < 0 ? now.chunk.length : end);
    if (body.fault !== undefined && this.#contentOpen) {
      this.#abortContent(body.fault);
      if (this.#over()) return false;
    }
    if (end < 0) return true;
    if (this.#chunks.atHand) {
      this.#chunkTaken();
      return true;
    }

    this.#body = undefined;
    this.#phase = 'commands';
    this.#command = 'DATA';
    if (body.fault === undefined) this.#contentComplete(body.facts);
    else {
      this.#endTransaction();
      this.#refuse(contentReply(body.fault), this.#takeAnswers());
    }
    return true;
  }

  /** What an answer means for each question. */
  #settle(question: Question, answer: Answer): void {
    const transaction = this.#transaction;
    if (!answer.accept) {
      if (question === 'mail') this.#transaction = undefined;
      if (question === 'rcpt' && transaction !== undefined) {
        transaction.refused++;
        if (answer.reply.code >= 500 && ++this.#refusedRecipients > (this.#options.maxRefusedRecipients ?? 100)) {
          return this.#endWith(replies.tooManyErrors, 'errors');
        }
      }
      if (question === 'auth' && answer.reply.code >= 500 && ++this.#authFailures >= (this.#options.maxAuthFailures ?? 3)) {
        this.#refuse(answer.reply);
        return this.#endWith(replies.tooManyErrors, 'errors');
      }
      if (question === 'scram') this.#authOver();
      if (question === 'data' && this.#chunks.atHand) {
        if (transaction !== undefined) transaction.failed = answer.reply;
        this.#chunks.refuse(answer.reply);
        return this.#beginChunk();
      }
      return this.#refuse(answer.reply, question === 'content-end' ? this.#takeAnswers() : 1);
    }
    switch (question) {
      case 'mail':
        this.#mails++;
        return this.#reply(said(replies.senderOk, answer));
      case 'rcpt':
        if (transaction !== undefined) transaction.accepted++;
        return this.#reply(said(replies.recipientOk, answer));
      case 'data': {
        this.#contentOpen = true;
        const limits = { maxMessageBytes: this.#options.maxMessageBytes, maxHeaderBytes: this.#options.maxHeaderBytes ?? 1_048_576 };
        if (this.#chunks.atHand) {
          this.#chunks.accept({ ...limits, binary: transaction?.mail.body === 'binary' }, this.#pass);
          return this.#beginChunk();
        }
        this.#phase = 'content';
        this.#body = new DotBody(limits, this.#pass);
        return this.#reply(replies.sendContent);
      }
      case 'content-end':
        return this.#reply(said(replies.ok, answer), this.#takeAnswers());
      case 'auth':
        this.#authenticated = true;
        return this.#reply(said(replies.authenticated, answer));
      case 'scram': {
        if (answer.scram === undefined) throw new Error('a SCRAM question is accepted with a credential');
        const challenge = this.#auth?.challenge(answer.scram, this.#options.nonce?.() ?? randomBytes(18).toString('base64'));
        return challenge === undefined ? undefined : this.#reply(challenge);
      }
      case 'xclient': {
        this.#forwarded = true;
        this.#hello = undefined;
        this.#authenticated = false;
        this.#siteExtension = false;
        return this.#greet();
      }
      case 'starttls':
        this.#forget();
        this.#input.discard(); // and what came while the host made up its mind
        this.#reply(replies.readyForTls);
        this.#phase = 'tls';
        return this.#flush();
    }
  }

  readonly #pass = (bytes: Buffer): void => {
    if (this.#phase === 'content') this.#tell({ kind: 'chunk', bytes }); // the host may have ended it all at the last one
  };

  /** The host has ended the session from inside an event. */
  #over(): boolean {
    return this.#phase === 'closed';
  }

  #rules() {
    return { ...this.#options, extensions: this.#extensions, site: this.#siteExtension, secure: this.#secure };
  }

  #ask(question: Question, event: ServerEvent): void {
    if (this.#phase === 'closed') return;
    this.#question = question;
    this.#tell(event);
  }

  /** Forgets the transaction, if there is one. */
  #forget(): void {
    if (this.#transaction === undefined) return;
    this.#chunks.forget();
    this.#abortContent('reset');
    this.#transaction = undefined;
    this.#tell({ kind: 'reset' });
  }

  #abandon(fault: ContentFault): void {
    this.#abortContent(fault);
    this.#body = undefined;
    this.#forget();
    this.#chunks.end();
  }

  /** Tells the host to drop what it has begun, once. */
  #abortContent(fault: ContentFault): void {
    if (!this.#contentOpen) return;
    this.#contentOpen = false;
    this.#tell({ kind: 'content-abort', fault });
  }

  /** An event may end the session; what the code that told it would say next is then void. */
  #tell(event: ServerEvent): void {
    if (this.#phase !== 'closed') this.#emit(event);
  }

  /** @param times one for each recipient, where LMTP wants it so. */
  #reply(reply: Reply, times = 1): void {
    if (this.#phase === 'closed') return;
    const text = replyLine(reply);
    this.#out += times === 1 ? text : text.repeat(times);
  }

  #refuse(reply: Reply, times = 1): void {
    this.#reply(reply, times);
    this.#tell({ kind: 'refused', command: this.#command, reply });
  }

  /** A refusal the client could have avoided. */
  #mistake(reply: Reply): void {
    if (++this.#errors > (this.#options.maxErrors ?? 20)) this.#endWith(replies.tooManyErrors, 'errors');
    else this.#refuse(reply);
  }

  #endWith(reply: Reply, reason: 'quit' | 'errors' | 'refused' | 'ended'): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#abandon('session-ended');
    this.#question = undefined;
    this.#input.discard();
    if (reply.code >= 400) this.#refuse(reply);
    else this.#reply(reply);
    this.#phase = 'closed';
    this.#flush();
    this.#emit({ kind: 'close', reason });
  }

  #flush(): void {
    if (this.#out === '') return;
    const bytes = this.#out;
    this.#out = '';
    this.#emit({ kind: 'send', bytes });
  }

  /** Tells the host to stop or go on reading, when what waits for an answer crosses the mark. */
  #steer(): void {
    const full = this.#question !== undefined && this.#input.waiting > pauseAboveBytes;
    if (full === this.#paused || this.#phase === 'closed') return;
    this.#paused = full;
    this.#tell({ kind: full ? 'pause' : 'resume' });
  }
}

function contentReply(fault: ContentFault): Reply {
  if (fault === 'too-large') return replies.tooLarge;
  return fault === 'header-too-large' ? replies.headerTooLarge : replies.badContent;
}

function said(reply: Reply, { text = reply.text, enhanced = reply.enhanced }: { text?: string; enhanced?: string }): Reply {
  return { code: reply.code, ...(enhanced === undefined ? {} : { enhanced }), text };
}
