import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** A client that says what it is told and hears whole replies; every wait has an end. */
export class Talk {
  socket: Socket;
  #heard = '';
  #wake: (() => void) | undefined;
  #closed = false;

  static readonly #open = new Set<Talk>();

  private constructor(socket: Socket) {
    Talk.#open.add(this);
    this.socket = socket;
    this.#listen();
  }

  static async to(port: number): Promise<Talk> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const talk = new Talk(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return talk;
  }

  /** Connects and says EHLO. */
  static async hello(port: number): Promise<Talk> {
    const talk = await Talk.to(port);
    await talk.reply();
    await talk.say('EHLO client.example');
    return talk;
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1');
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    const closed = () => {
      this.#closed = true;
      this.#wake?.();
    };
    this.socket.on('end', closed);
    this.socket.on('close', closed);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Says one line and hears the reply. */
  async say(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** The next reply, its lines joined by ` | `. @throws Error when the server closes or says nothing for 10 s. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#heard)?.[0];
      if (found !== undefined) {
        this.#heard = this.#heard.slice(found.length);
        return found.trimEnd().replaceAll('\r\n', ' | ');
      }
      if (this.#closed) throw new Error('the server has closed the connection');
      await this.#more('a reply');
    }
  }

  /** Resolves when the server has closed. */
  async end(): Promise<void> {
    while (!this.#closed) await this.#more('the end');
  }

  async startTls(options: ConnectionOptions = {}): Promise<void> {
    this.socket.removeAllListeners();
    const socket = connectTls({ socket: this.socket, rejectUnauthorized: false, servername: 'localhost', ...options });
    this.socket = socket;
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
  }

  /** A whole mail; the reply to the last thing that was said. */
  async mail({
    from = 'zoe@elsewhere.example',
    to = ['ada@corp.example'],
    content = 'Subject: x\r\n\r\nHello.\r\n',
    parameters = '',
  } = {}): Promise<string> {
    const first = await this.say(`MAIL FROM:<${from}>${parameters}`);
    if (!first.startsWith('250')) return first;
    for (const recipient of to) {
      const answer = await this.say(`RCPT TO:<${recipient}>`);
      if (!answer.startsWith('250')) return answer;
    }
    const go = await this.say('DATA');
    if (!go.startsWith('354')) return go;
    return this.say(`${content}.`);
  }

  static destroyAll(): void {
    for (const talk of Talk.#open) talk.destroy();
    Talk.#open.clear();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #more(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come within 10 s; heard ${JSON.stringify(this.#heard)}`)), 10_000);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
