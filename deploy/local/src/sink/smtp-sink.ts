import { createServer, type Server, type Socket } from 'node:net';
import { accept, reject, replies, type ServerEvent, type ServerOptions, ServerSession } from '@mailrail/smtp';
import type { KeptMail } from './kept-mail.ts';

export interface Sink {
  port: number;
  close: () => Promise<void>;
}

const idleMs = 300_000;
const maxMessageBytes = 100 * 1024 * 1024;
const extensions: ServerOptions['extensions'] = ['PIPELINING', 'SIZE', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES'];

/** A mail server that takes everything: the outside world of a line that runs on one machine. Loopback only. */
export async function smtpSink({ port, kept }: { port: number; kept: KeptMail }): Promise<Sink> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, kept);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function serve(socket: Socket, kept: KeptMail): void {
  socket.setNoDelay(true);
  socket.setTimeout(idleMs, () => session.end(replies.timedOut));
  let sender: string | null = null;
  let recipients: string[] = [];
  let bytes: Buffer[] = [];
  const forget = () => {
    sender = null;
    recipients = [];
    bytes = [];
  };
  const onEvent = (event: ServerEvent): void => {
    switch (event.kind) {
      case 'send':
        socket.write(event.bytes);
        return;
      case 'pause':
        socket.pause();
        return;
      case 'resume':
        socket.resume();
        return;
      case 'mail':
        forget();
        sender = event.mail.sender;
        return session.answer(accept);
      case 'rcpt':
        recipients.push(event.rcpt.mailbox);
        return session.answer(accept);
      case 'data':
        return session.answer(accept);
      case 'chunk':
        bytes.push(event.bytes);
        return;
      case 'content-end':
        kept.keep({ sender, recipients, bytes }).then(
          () => session.answer(accept),
          () => session.answer(reject(replies.storageFailed)),
        );
        return;
      case 'content-abort':
      case 'reset':
        return forget();
      case 'auth':
      case 'scram':
      case 'xclient':
      case 'starttls':
        return session.answer(reject(replies.notImplemented));
      case 'hello':
      case 'refused':
        return;
      case 'close':
        socket.end();
        return;
    }
  };
  const session = new ServerSession({ hostname: 'sink.example', extensions, maxMessageBytes, maxRecipients: 1_000 }, onEvent);
  socket.on('data', (chunk: Buffer) => session.receive(chunk));
  socket.on('error', () => {}); // `close` follows
  socket.on('close', () => session.clientGone());
  session.start();
}
