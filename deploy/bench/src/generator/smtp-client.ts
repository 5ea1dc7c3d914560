import { connect, type Socket } from 'node:net';
import { connect as secure } from 'node:tls';
import { monotonicMs } from './job.ts';
import { sender } from './message-text.ts';
import { ReplyReader } from './reply-reader.ts';

/** What became of one attempt to hand a mail over. */
export type Attempt =
  | { kind: 'accepted'; dotAt: number; acceptedAt: number }
  | { kind: 'refused' } // no connection, or no greeting
  | { kind: 'deferred' } // 4xx
  | { kind: 'rejected' } // 5xx
  | { kind: 'dropped' } // the connection broke before the mail was complete
  | { kind: 'unanswered' }; // it broke after the dot

type Step = 'banner' | 'hello' | 'starttls' | 'mail' | 'rcpt' | 'data' | 'dot';
/** The command that follows the answer to a step, and the code that allows it. */
const expected: Readonly<Record<Step, number>> = { banner: 220, hello: 250, starttls: 220, mail: 250, rcpt: 250, data: 354, dot: 250 };
const idleMs = 60_000;

/**
 * One client that sends one mail after the other, each command after the answer to the one before, as `smtp-source` and most
 * programs do. Made for little work per mail: bytes are read into one buffer, a mail is one write.
 */
export class SmtpClient {
  readonly #host: string;
  readonly #port: number;
  readonly #reuse: boolean;
  readonly #tls: boolean;
  readonly #buffer = Buffer.alloc(8_192);
  #socket: Socket | undefined;
  #replies = new ReplyReader();
  #step: Step = 'banner';
  #greeted = false;
  #secured = false;
  #dotAt = 0;
  #mail: { recipient: string; text: string } | undefined;
  #done: ((attempt: Attempt) => void) | undefined;

  constructor({ host, port, reuse, tls }: { host: string; port: number; reuse: boolean; tls: boolean }) {
    this.#host = host;
    this.#port = port;
    this.#reuse = reuse;
    this.#tls = tls;
  }

  /** Never rejects. One at a time. */
  send(recipient: string, text: string): Promise<Attempt> {
    return new Promise((resolve) => {
      this.#mail = { recipient, text };
      this.#done = resolve;
      if (this.#socket === undefined) this.#open();
      else this.#say('mail', `MAIL FROM:<${sender}>\r\n`);
    });
  }

  /** Says goodbye and does not wait for the answer. */
  quit(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.end('QUIT\r\n');
  }

  /** Breaks whatever is going on. */
  destroy(): void {
    this.#socket?.destroy();
  }

  #open(): void {
    this.#replies = new ReplyReader();
    this.#step = 'banner';
    this.#greeted = false;
    this.#secured = false;
    const socket: Socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      // One buffer for all that is read; a socket that goes over to TLS cannot have it.
      ...(this.#tls ? {} : { onread: { buffer: this.#buffer, callback: (length: number) => this.#onBytes(socket, this.#buffer, length) } }),
    });
    if (this.#tls) socket.on('data', (bytes: Buffer) => this.#onBytes(socket, bytes, bytes.length));
    this.#listen(socket);
  }

  /** The handshake, and all that follows, on the secured socket. */
  #secure(): void {
    const raw = this.#socket;
    if (raw === undefined) return;
    raw.removeAllListeners('data');
    raw.setTimeout(0); // it sees nothing more of what goes on
    const socket = secure({ socket: raw, rejectUnauthorized: false }, () => {
      this.#secured = true;
      this.#say('hello', 'EHLO load.example\r\n');
    });
    socket.on('data', (bytes: Buffer) => this.#onBytes(socket, bytes, bytes.length));
    this.#listen(socket);
  }

  #onBytes(socket: Socket, bytes: Uint8Array, length: number): boolean {
    if (this.#socket === socket) for (const code of this.#replies.push(bytes, length)) this.#onReply(code);
    return true;
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.setTimeout(idleMs, () => socket.destroy());
    const over = () => {
      socket.destroy();
      if (this.#socket !== socket) return; // said goodbye before, or secured
      this.#socket = undefined;
      if (this.#done !== undefined) this.#end({ kind: !this.#greeted ? 'refused' : this.#step === 'dot' ? 'unanswered' : 'dropped' });
    };
    socket.on('error', over);
    socket.on('end', over);
    socket.on('close', over);
  }

  #onReply(code: number): void {
    if (this.#done === undefined || this.#mail === undefined) return; // an unasked 421: the connection ends, and that is seen
    const { recipient, text } = this.#mail;
    if (code !== expected[this.#step]) {
      const early = this.#step === 'banner' || this.#step === 'hello';
      this.quit();
      return this.#end({ kind: early ? 'refused' : code >= 500 ? 'rejected' : 'deferred' });
    }
    switch (this.#step) {
      case 'banner':
        return this.#say('hello', 'EHLO load.example\r\n');
      case 'hello':
        if (this.#tls && !this.#secured) return this.#say('starttls', 'STARTTLS\r\n');
        this.#greeted = true;
        return this.#say('mail', `MAIL FROM:<${sender}>\r\n`);
      case 'starttls':
        return this.#secure();
      case 'mail':
        return this.#say('rcpt', `RCPT TO:<${recipient}>\r\n`);
      case 'rcpt':
        return this.#say('data', 'DATA\r\n');
      case 'data':
        this.#say('dot', text);
        this.#dotAt = monotonicMs();
        return;
      case 'dot': {
        const acceptedAt = monotonicMs();
        if (!this.#reuse) this.quit();
        return this.#end({ kind: 'accepted', dotAt: this.#dotAt, acceptedAt });
      }
    }
  }

  #say(step: Step, text: string): void {
    this.#step = step;
    this.#socket?.write(text, 'latin1');
  }

  #end(attempt: Attempt): void {
    const done = this.#done;
    this.#done = undefined;
    this.#mail = undefined;
    done?.(attempt);
  }
}
