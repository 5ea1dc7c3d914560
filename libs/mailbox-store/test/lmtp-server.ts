import { createServer, type Server, type Socket } from 'node:net';

/** An LMTP server that keeps mail in memory, and fails as it is told. */
export interface LmtpServer {
  readonly port: number;
  /** What came, a row for each mailbox that took a message. */
  readonly messages: { mailbox: string; sender: string; text: string }[];
  /** Commands it was sent, without content. */
  readonly heard: string[];
  /** Reply to RCPT for a mailbox, instead of a yes. */
  readonly refusing: Map<string, string>;
  /** Reply after the message for a mailbox, instead of a yes. */
  readonly failing: Map<string, string>;
  keywords: string[]; // of LHLO
  /** What happens after the message: all replies, none and the end, or only the first and the end. */
  after: 'replies' | 'ends' | 'ends after one';
  maxRecipients: number;
  readonly connections: number;
  /** Ends all sessions, as a server that restarts does. */
  cut(): void;
  /** Answers nothing any more. */
  silent: boolean;
  close(): Promise<void>;
}

export async function startLmtpServer(listenAt: { path?: string } = {}): Promise<LmtpServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(self, socket);
  });
  await new Promise<void>((resolve) => {
    if (listenAt.path === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(listenAt.path, resolve);
  });
  const address = server.address();
  const self: LmtpServer = {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    messages: [],
    heard: [],
    refusing: new Map(),
    failing: new Map(),
    keywords: ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'SIZE 50000000'],
    after: 'replies',
    maxRecipients: 1_000,
    silent: false,
    get connections() {
      return sockets.size;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return self;
}

function serve(server: LmtpServer, socket: Socket): void {
  let input = '';
  let sender = '';
  let recipients: string[] = [];
  let receiving = false;
  const say = (text: string) => {
    if (!server.silent) socket.write(`${text}\r\n`);
  };
  say('220 store.corp.example LMTP');
  socket.on('data', (chunk: Buffer) => {
    input += chunk.toString('latin1');
    while (!socket.destroyed) {
      const end = receiving ? endOfMessage(input) : input.indexOf('\r\n');
      if (end < 0) return;
      const text = Buffer.from(input.slice(0, end), 'latin1').toString('utf8');
      input = input.slice(end + (receiving ? 3 : 2));
      if (receiving) message(text);
      else command(text);
    }
  });

  function command(line: string): void {
    server.heard.push(line);
    const [, verb = '', path = ''] = /^(LHLO|MAIL FROM|RCPT TO|DATA|RSET|NOOP|QUIT)(?::<(.*?)>(?: .*)?| .*)?$/.exec(line) ?? [];
    switch (verb) {
      case 'LHLO':
        for (const [at, one] of ['store.corp.example', ...server.keywords].entries())
          say(`250${at < server.keywords.length ? '-' : ' '}${one}`);
        break;
      case 'MAIL FROM':
        sender = path;
        recipients = [];
        say('250 2.1.0 ok');
        break;
      case 'RCPT TO': {
        const refusal = server.refusing.get(path) ?? (recipients.length >= server.maxRecipients ? '452 4.5.3 too many' : undefined);
        if (refusal === undefined) recipients.push(path);
        say(refusal ?? '250 2.1.5 ok');
        break;
      }
      case 'DATA':
        receiving = recipients.length > 0;
        say(receiving ? '354 go on' : '503 5.5.1 nobody');
        break;
      case 'QUIT':
        say('221 2.0.0 bye');
        socket.end();
        break;
      case 'RSET':
      case 'NOOP':
        say('250 2.0.0 ok');
        break;
      default:
        say('500 5.5.2 what?');
    }
  }

  function message(stuffed: string): void {
    receiving = false;
    const text = stuffed.replaceAll(/^\./gm, '');
    for (const [at, mailbox] of recipients.entries()) {
      if (at === 1 && server.after === 'ends after one') return void socket.destroy();
      const failure = server.failing.get(mailbox);
      if (failure === undefined) server.messages.push({ mailbox, sender, text });
      if (server.after === 'ends') return void socket.destroy();
      say(failure ?? `250 2.0.0 <${mailbox}> saved`);
    }
  }
}

/** Where the dot is that ends a message. */
function endOfMessage(input: string): number {
  if (input.startsWith('.\r\n')) return 0;
  const found = input.indexOf('\r\n.\r\n');
  return found < 0 ? -1 : found + 2;
}
