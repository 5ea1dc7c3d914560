import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Reply {
  code: number;
  text: string;
}

/** No reply can come any more: nobody took the connection, or it is over. */
export class NoReply extends Error {
  /** The whole message had been written, its final dot included: the server may have taken it. */
  readonly unsure: boolean;

  constructor(reason: string, unsure: boolean) {
    super(`no reply: ${reason}`);
    this.unsure = unsure;
  }
}

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: NoReply) => void;
}

/** A plain SMTP client for tests: it says what it is told and returns what it hears. */
export class SmtpSender {
  readonly #socket: Socket;
  #buffer = '';
  #waiting: Waiting[] = [];
  #closed: string | undefined; // why nothing is heard any more
  #dotSaid = false; // and not answered yet

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#buffer += chunk;
      this.#read();
    });
    const over = (reason: string) => {
      this.#closed ??= reason;
      this.#giveUp(this.#closed);
    };
    socket.on('error', ({ message }) => over(message));
    socket.on('close', () => over('connection closed'));
  }

  /** Connects (`smtps:` inside TLS, whatever the certificate) and reads the banner. @throws NoReply when nobody listens, or hangs up without a word. */
  static async open(url: string): Promise<{ sender: SmtpSender; banner: Reply }> {
    const { hostname, port, protocol } = new URL(url);
    const to = { host: hostname, port: Number(port) };
    const socket = protocol === 'smtps:' ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
    const sender = new SmtpSender(socket);
    return { sender, banner: await sender.reply() };
  }

  #read(): void {
    for (;;) {
      const end = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.#buffer)?.[0];
      if (end === undefined || this.#waiting.length === 0) return;
      this.#buffer = this.#buffer.slice(end.length);
      this.#waiting.shift()?.resolve({ code: Number(end.slice(0, 3)), text: end.trimEnd() });
    }
  }

  #giveUp(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new NoReply(reason, this.#dotSaid));
  }

  /** The next reply. @throws NoReply when none can come. */
  reply(): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#waiting.push({ resolve, reject });
    this.#read(); // what was said before the end is still heard
    if (this.#closed !== undefined) this.#giveUp(this.#closed);
    return promise;
  }

  async say(line: string): Promise<Reply> {
    this.#socket.write(`${line}\r\n`, 'latin1');
    return this.reply();
  }

  write(bytes: string | Uint8Array): boolean {
    return typeof bytes === 'string' ? this.#socket.write(bytes, 'latin1') : this.#socket.write(bytes);
  }

  /** One mail in a transaction. @returns the reply to the final dot, or to whatever was refused before. */
  async mail({
    from,
    to,
    message,
    mailParameters = '',
  }: {
    from: string;
    to: readonly string[];
    message: string | Uint8Array;
    mailParameters?: string;
  }): Promise<Reply> {
    const first = await this.say(`MAIL FROM:<${from}>${mailParameters}`);
    if (first.code !== 250) return first;
    for (const address of to) {
      const answer = await this.say(`RCPT TO:<${address}>`);
      if (answer.code >= 300) return answer;
    }
    const go = await this.say('DATA');
    if (go.code !== 354) return go;
    this.write(message);
    this.write('\r\n.\r\n');
    this.#dotSaid = true;
    const answer = await this.reply();
    this.#dotSaid = false;
    return answer;
  }

  async quit(): Promise<void> {
    await this.say('QUIT').catch(() => {});
    this.#socket.destroy();
  }
  destroy(): void {
    this.#socket.destroy();
  }
}

/** A message with a Message-ID a test can count by. */
export function letter(id: string, fields: Readonly<Record<string, string>> = {}, body = 'Hello.'): string {
  const header: Record<string, string> = {
    From: 'zoe@elsewhere.example',
    To: 'ada@corp.example',
    Subject: `letter ${id}`,
    Date: 'Mon, 02 Nov 2026 10:00:00 +0000',
    'Message-ID': `<${id}@elsewhere.example>`,
    ...fields,
  };
  return `${Object.entries(header)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body.replaceAll(/\r?\n/g, '\r\n')}`;
}

/** Connects, greets, sends one mail, quits. @throws NoReply when a reply does not come; never takes a lost connection for one. */
export async function sendOne(
  url: string,
  mail: { from?: string; to: readonly string[]; message: string | Uint8Array; mailParameters?: string },
): Promise<Reply> {
  const { sender, banner } = await SmtpSender.open(url);
  try {
    if (banner.code !== 220) return banner;
    const hello = await sender.say('EHLO client.elsewhere.example');
    if (hello.code !== 250) return hello;
    return await sender.mail({ from: 'zoe@elsewhere.example', ...mail });
  } finally {
    await sender.quit();
  }
}
