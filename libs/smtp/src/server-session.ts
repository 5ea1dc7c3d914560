import { randomBytes } from 'node:crypto';
import { fromBase64, parsePlain } from './auth.ts';
import { ChunkBody, parseChunk, SwallowedChunk } from './chunk-body.ts';
import { CommandLines } from './command-lines.ts';
import { type BodyReceiver, DotBody } from './dot-body.ts';
import { parseMail, parseRcpt } from './parameters.ts';
import { type Reply, replies, replyLine } from './reply.ts';
import { parseScramFirst, ScramExchange, type ScramFirst } from './scram.ts';
import type { Answer, ContentFacts, ContentFault, Extension, MailCommand, ServerEvent, ServerOptions } from './server-types.ts';
import { parseXclient, xclientAttributes } from './xclient.ts';

/** Input that may wait for an answer before the host is told to stop reading. */
const pauseAboveBytes = 32_768;

type Phase = 'new' | 'commands' | 'auth' | 'content' | 'tls' | 'closed';
type Question = 'mail' | 'rcpt' | 'data' | 'content-end' | 'auth' | 'scram' | 'starttls' | 'xclient';
type Auth =
  | { mechanism: 'PLAIN' }
  | { mechanism: 'LOGIN'; user?: string }
  /** Waits for the first message, then for the final one, then for the empty line that takes note of our own proof. */
  | { mechanism: 'SCRAM-SHA-256'; first?: ScramFirst; exchange?: ScramExchange; proved?: boolean };

interface Transaction {
  mail: MailCommand;
  accepted: number;
  refused: number;
  /** What a chunk of its content was refused with: the chunks that are on their way already hear it, too (RFC 3030 §2). */
  failed?: Reply;
}

interface Chunk {
  sizeBytes: number;
  last: boolean;
  /** What it is refused with once its octets are taken from the input; `mistake` when the client could have known. */
  refusal?: { reply: Reply; mistake: boolean };
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
  #auth: Auth | undefined;
  #transaction: Transaction | undefined;
  #body: BodyReceiver | undefined; // takes the input in phase `content`
  #chunks: ChunkBody | undefined; // a content that comes by BDAT, between its chunks too
  #chunk: Chunk | undefined; // the one at hand
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
    return this.#phase === 'content' || this.#chunks !== undefined;
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
          this.#controlLine(line.text);
          return true;
        }
        this.#command = this.#phase === 'auth' ? 'AUTH' : '';
        this.#phase = 'commands';
        this.#auth = undefined;
        this.#mistake(line.kind === 'too-long' ? replies.lineTooLong : replies.badLineEnd);
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
        return this.#reply({ code: 214, enhanced: '2.0.0', text: `${this.#verbs().join(' ')}; see RFC 5321` });
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
    return this.#reply({ code: 250, text: [hostname, ...this.#keywords()].join('\n') });
  }

  #keywords(): string[] {
    const keywords: string[] = [];
    for (const extension of this.#options.extensions) {
      if (extension === 'SIZE') keywords.push(`SIZE ${this.#options.maxMessageBytes}`);
      else if (extension === 'STARTTLS') {
        if (!this.#secure) keywords.push(extension);
      } else if (extension === 'AUTH') {
        if (this.#authAllowed() && !this.#authenticated)
          keywords.push(`AUTH PLAIN LOGIN${this.#options.scram === true ? ' SCRAM-SHA-256' : ''}`);
      } else if (extension === 'LIMITS') {
        const { maxRecipients, maxMails } = this.#options;
        keywords.push(`LIMITS RCPTMAX=${maxRecipients}${maxMails === undefined ? '' : ` MAILMAX=${maxMails}`}`);
      } else keywords.push(extension);
    }
    if (this.#options.xclient === true) keywords.push(`XCLIENT ${xclientAttributes}`);
    if (this.#siteExtension) keywords.push('XMAILRAIL');
    return keywords;
  }

  /** What may be said now: as in EHLO, neither TLS nor AUTH where there is none, or no more. */
  #verbs(): string[] {
    const early = this.#options.requireTls === true && !this.#secure;
    const hello = this.#lmtp ? ['LHLO'] : ['EHLO', 'HELO'];
    const chunks = this.#extensions.has('CHUNKING') ? ['BDAT'] : [];
    const verbs = [...hello, 'MAIL', 'RCPT', 'DATA', ...chunks, 'RSET', 'NOOP', 'QUIT', 'VRFY', 'HELP'].filter(
      (verb) => !early || beforeTls.has(verb),
    );
    if (this.#extensions.has('STARTTLS') && !this.#secure) verbs.push('STARTTLS');
    if (this.#authAllowed() && !this.#authenticated && !early) verbs.push('AUTH');
    return verbs;
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
    if (transaction.accepted === 0) return this.#mistake(this.#nobody(transaction));
    return this.#ask('data', { kind: 'data' });
  }

  /** RFC 3030 §2. Whatever is wrong with it, its octets are taken from the input first, so that both sides keep in step. */
  #bdatCommand(rest: string): void {
    const chunk: Chunk | undefined = parseChunk(rest);
    if (chunk === undefined) return this.#endWith(replies.badChunk, 'errors'); // octets and commands cannot be told apart any more
    const refusal = this.#chunkRefusal();
    this.#chunk = refusal === undefined ? chunk : { ...chunk, refusal };
    if (refusal !== undefined || this.#chunks !== undefined) return this.#beginChunk();
    return this.#ask('data', { kind: 'data' });
  }

  #chunkRefusal(): Chunk['refusal'] {
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
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    this.#phase = 'content';
    const chunks = chunk.refusal === undefined ? this.#chunks : undefined;
    chunks?.begin(chunk.sizeBytes);
    this.#body = chunks ?? new SwallowedChunk(chunk.sizeBytes);
    if (chunks?.fault !== undefined) this.#abortContent(chunks.fault);
    if (chunk.sizeBytes === 0 && !this.#over()) this.#chunkTaken(chunk);
  }

  /** All octets of a chunk are here. */
  #chunkTaken(chunk: Chunk): void {
    this.#command = 'BDAT';
    this.#chunk = undefined;
    this.#body = undefined;
    const { refusal, last } = chunk;
    const chunks = this.#chunks;
    if (refusal !== undefined || chunks === undefined) {
      this.#phase = 'commands';
      if (last && this.#transaction?.failed !== undefined) {
        this.#answers = this.#answersTo(this.#transaction);
        this.#forget();
      }
      const { reply = replies.badSequence, mistake = false } = refusal ?? {};
      return mistake ? this.#mistake(reply) : this.#refuse(reply, this.#takeAnswers());
    }
    if (last) chunks.end();
    if (this.#over()) return undefined;
    this.#phase = 'commands';
    const { fault } = chunks;
    if (fault !== undefined) {
      this.#abortContent(fault);
      this.#chunks = undefined;
      const reply = contentReply(fault);
      if (last) this.#endTransaction();
      else if (this.#transaction !== undefined) this.#transaction.failed = reply;
      return this.#refuse(reply, this.#takeAnswers());
    }
    if (!last) return this.#reply({ ...replies.ok, text: `${chunk.sizeBytes} octets received` });
    this.#chunks = undefined;
    return this.#contentComplete(chunks.facts);
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
    return this.#chunks !== undefined || transaction.failed !== undefined;
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
    const scram = mechanism === 'SCRAM-SHA-256' && this.#options.scram === true;
    if (mechanism !== 'PLAIN' && mechanism !== 'LOGIN' && !scram) return this.#mistake(replies.unknownMechanism);
    this.#auth = scram ? { mechanism: 'SCRAM-SHA-256' } : { mechanism: mechanism === 'LOGIN' ? 'LOGIN' : 'PLAIN' };
    this.#phase = 'auth';
    if (initial !== undefined) return this.#authLine(initial);
    return this.#reply({ code: 334, text: mechanism === 'LOGIN' ? base64('Username:') : '' });
  }

  #authLine(line: string): void {
    const auth = this.#auth;
    this.#command = 'AUTH';
    const text = line === '*' ? undefined : fromBase64(line);
    if (auth === undefined || text === undefined) {
      this.#auth = undefined;
      this.#phase = 'commands';
      return this.#mistake(line === '*' ? replies.authCancelled : replies.badBase64);
    }
    if (auth.mechanism === 'SCRAM-SHA-256') return this.#scramLine(auth, text);
    if (auth.mechanism === 'LOGIN' && auth.user === undefined) {
      auth.user = text;
      return this.#reply({ code: 334, text: base64('Password:') });
    }
    this.#auth = undefined;
    this.#phase = 'commands';
    const said = auth.mechanism === 'PLAIN' ? parsePlain(text) : { authzid: '', user: auth.user ?? '', password: text };
    if (said === undefined) return this.#mistake(replies.badArguments);
    return this.#ask('auth', { kind: 'auth', mechanism: auth.mechanism, ...said });
  }

  /** RFC 5802 §5. Our own proof goes as a challenge, since 235 carries none (RFC 4954 §4), and an empty line takes note of it. */
  #scramLine(auth: Auth & { mechanism: 'SCRAM-SHA-256' }, text: string): void {
    const { first, exchange } = auth;
    if (first === undefined) {
      const begun = parseScramFirst(text);
      if (begun === undefined) return this.#authEnded(replies.badArguments);
      auth.first = begun;
      return this.#ask('scram', { kind: 'scram', user: begun.user });
    }
    const asked = { kind: 'auth', mechanism: 'SCRAM-SHA-256', user: first.user, authzid: first.authzid } as const;
    if (auth.proved === undefined) {
      const proof = exchange?.finish(text);
      if (proof === undefined) return this.#authEnded(replies.badArguments);
      if (proof !== false) {
        auth.proved = true;
        return this.#reply({ code: 334, text: base64(proof) });
      }
    } else if (text !== '') return this.#authEnded(replies.badArguments);
    this.#auth = undefined;
    this.#phase = 'commands';
    return this.#ask('auth', { ...asked, proved: auth.proved === true });
  }

  #authEnded(reply: Reply): void {
    this.#auth = undefined;
    this.#phase = 'commands';
    return this.#mistake(reply);
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
    if (this.#chunk !== undefined) {
      this.#chunkTaken(this.#chunk);
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
      if (question === 'scram') {
        this.#auth = undefined;
        this.#phase = 'commands';
      }
      if (question === 'data' && this.#chunk !== undefined) {
        if (transaction !== undefined) transaction.failed = answer.reply;
        this.#chunk = { ...this.#chunk, refusal: { reply: answer.reply, mistake: false } };
        return this.#beginChunk();
      }
      return this.#refuse(answer.reply, question === 'content-end' ? this.#takeAnswers() : 1);
    }
    switch (question) {
      case 'mail':
        this.#mails++;
        return this.#reply(said(replies.senderOk, answer.text));
      case 'rcpt':
        if (transaction !== undefined) transaction.accepted++;
        return this.#reply(said(replies.recipientOk, answer.text));
      case 'data': {
        this.#contentOpen = true;
        const limits = { maxMessageBytes: this.#options.maxMessageBytes, maxHeaderBytes: this.#options.maxHeaderBytes ?? 1_048_576 };
        if (this.#chunk !== undefined) {
          this.#chunks = new ChunkBody(limits, this.#pass);
          return this.#beginChunk();
        }
        this.#phase = 'content';
        this.#body = new DotBody(limits, this.#pass);
        return this.#reply(replies.sendContent);
      }
      case 'content-end':
        return this.#reply(said(replies.ok, answer.text), this.#takeAnswers());
      case 'auth':
        this.#authenticated = true;
        return this.#reply(said(replies.authenticated, answer.text));
      case 'scram': {
        const auth = this.#auth;
        if (auth?.mechanism !== 'SCRAM-SHA-256' || auth.first === undefined) return undefined;
        if (answer.scram === undefined) throw new Error('a SCRAM question is accepted with a credential');
        auth.exchange = new ScramExchange(auth.first, answer.scram, this.#options.nonce?.() ?? randomBytes(18).toString('base64'));
        return this.#reply({ code: 334, text: base64(auth.exchange.challenge) });
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
    return { extensions: this.#extensions, site: this.#siteExtension, maxMessageBytes: this.#options.maxMessageBytes };
  }

  #ask(question: Question, event: ServerEvent): void {
    if (this.#phase === 'closed') return;
    this.#question = question;
    this.#tell(event);
  }

  /** Forgets the transaction, if there is one. */
  #forget(): void {
    if (this.#transaction === undefined) return;
    this.#chunks = undefined;
    this.#abortContent('reset');
    this.#transaction = undefined;
    this.#tell({ kind: 'reset' });
  }

  #abandon(fault: ContentFault): void {
    this.#abortContent(fault);
    this.#body = undefined;
    this.#chunk = undefined;
    this.#forget();
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

const beforeTls: ReadonlySet<string> = new Set(['EHLO', 'HELO', 'LHLO', 'NOOP', 'RSET', 'QUIT', 'STARTTLS', 'HELP']);
const notImplemented: ReadonlySet<string> = new Set(['EXPN', 'TURN', 'ATRN', 'ETRN', 'SEND', 'SOML', 'SAML', 'BDAT', 'BURL']);
const otherProtocols: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'PROXY']);

function contentReply(fault: ContentFault): Reply {
  if (fault === 'too-large') return replies.tooLarge;
  return fault === 'header-too-large' ? replies.headerTooLarge : replies.badContent;
}

function said(reply: Reply, text: string | undefined): Reply {
  return text === undefined ? reply : { ...reply, text };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
