import {
  type Answer,
  accept,
  allExtensions,
  type ContentFacts,
  type MailCommand,
  type RcptCommand,
  type Reply,
  reject,
  replies,
  type ServerEvent,
  type ServerOptions,
  ServerSession,
  scramCredential,
  scramDecoy,
  type XclientCommand,
} from '../src/index.ts';

export interface TakenMail extends Partial<MailCommand> {
  from: string | null;
  to: string[];
  rcpts: RcptCommand[];
  content: string; // one byte a character
  facts: ContentFacts;
}

/** What a dialogue may say about the host, beside the session's options. */
export interface HostOptions extends Partial<ServerOptions> {
  site?: boolean; // the peer has proved to be a site
  siteAfterAuth?: boolean;
  /** The server's part of every SCRAM nonce. */
  scramNonce?: string;
  refuseMail?: Reply;
  refuseData?: Reply;
  refuseContent?: Reply;
  refuseTls?: Reply;
  refuseAtStart?: Reply;
}

/** Only for dialogues that name them. */
const later: ReadonlySet<string> = new Set(['CHUNKING', 'BINARYMIME', 'LIMITS', 'FUTURERELEASE', 'MT-PRIORITY', 'DELIVERBY', 'REQUIRETLS']);
/** What a dialogue gets that says nothing of extensions. */
export const usual = allExtensions.filter((one) => !later.has(one));

/** The user of RFC 7677 §3. */
const pencil = scramCredential('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));

const answersByLocalPart: Record<string, Answer> = {
  nobody: reject({ code: 550, enhanced: '5.1.1', text: 'No such user' }),
  busy: reject({ code: 451, enhanced: '4.3.0', text: 'Try again later' }),
  dead: reject({ code: 421, enhanced: '4.3.2', text: 'Going down' }),
};

/** A host that keeps everything, for tests: accepts, but for a few local parts, and remembers what it was told. */
export class RecordingHost {
  readonly session: ServerSession;
  readonly mails: TakenMail[] = [];
  readonly aborts: string[] = [];
  readonly xclients: XclientCommand[] = [];
  readonly events: ServerEvent[] = [];
  sent = '';
  writes = 0;
  closed: string | undefined;
  #mail: MailCommand | undefined;
  #rcpts: RcptCommand[] = [];
  #chunks: Buffer[] = [];
  readonly #options: HostOptions;
  readonly #later: ((answer: () => void) => void) | undefined;

  /** @param later when given, answers are not given at once but handed to it. */
  constructor(options: HostOptions = {}, later?: (answer: () => void) => void) {
    this.#options = options;
    this.#later = later;
    this.session = new ServerSession(
      {
        hostname: 'mx.corp.example',
        extensions: usual,
        maxMessageBytes: 100_000,
        maxRecipients: 10,
        maxHoldMs: 86_400_000,
        minDeliverBySeconds: 60,
        now: () => Date.UTC(2026, 10, 2, 10),
        nonce: () => options.scramNonce ?? 'server',
        ...options,
      },
      (event) => this.#event(event),
    );
    if (options.site === true) this.session.enableSiteExtension();
  }

  start(): void {
    this.session.start(this.#options.refuseAtStart);
  }

  #event(event: ServerEvent): void {
    this.events.push(event);
    switch (event.kind) {
      case 'send':
        this.sent += event.bytes;
        this.writes++;
        break;
      case 'mail':
        this.#mail = event.mail;
        this.#rcpts = [];
        this.#answer(this.#unless(this.#options.refuseMail));
        break;
      case 'rcpt': {
        const answer = answersByLocalPart[event.rcpt.local] ?? accept;
        if (answer.accept) this.#rcpts.push(event.rcpt);
        this.#answer(answer);
        break;
      }
      case 'data':
        this.#chunks = [];
        this.#answer(this.#unless(this.#options.refuseData));
        break;
      case 'chunk':
        this.#chunks.push(event.bytes);
        break;
      case 'content-end': {
        const answer = this.#unless(this.#options.refuseContent);
        if (answer.accept) this.#take(event.facts);
        this.#answer(answer);
        break;
      }
      case 'content-abort':
        this.aborts.push(event.fault);
        break;
      case 'xclient':
        this.xclients.push(event.client);
        this.#answer(accept);
        break;
      case 'scram':
        this.#answer({ accept: true, scram: event.user === 'user' ? pencil : scramDecoy(event.user, Buffer.from('secret')) });
        break;
      case 'auth': {
        const good = event.mechanism === 'SCRAM-SHA-256' ? event.proved : event.user === 'ada' && event.password === 'secret';
        if (good && this.#options.siteAfterAuth === true) this.session.enableSiteExtension();
        this.#answer(good ? accept : reject(replies.badCredentials));
        break;
      }
      case 'starttls':
        this.#answer(this.#unless(this.#options.refuseTls));
        break;
      case 'close':
        this.closed = event.reason;
        break;
      case 'pause':
      case 'resume':
      case 'hello':
      case 'reset':
      case 'refused':
        break;
    }
  }

  #take(facts: ContentFacts): void {
    this.mails.push({
      ...this.#mail,
      from: this.#mail?.sender ?? null,
      to: this.#rcpts.map(({ mailbox }) => mailbox),
      rcpts: this.#rcpts,
      content: Buffer.concat(this.#chunks).toString('latin1'),
      facts: { ...facts },
    });
  }

  #unless(refusal: Reply | undefined): Answer {
    return refusal === undefined ? accept : reject(refusal);
  }

  #answer(answer: Answer): void {
    if (this.#later === undefined) this.session.answer(answer);
    else this.#later(() => this.session.answer(answer));
  }
}
