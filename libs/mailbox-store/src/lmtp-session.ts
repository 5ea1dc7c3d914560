import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { oneLine } from '@mailrail/mail';
import { type Capabilities, type ClientEvent, ClientSession, type OutgoingMail, type RecipientAnswer } from '@mailrail/smtp';
import { isLocal, type LmtpLocation } from './lmtp-location.ts';

export interface LmtpLimits {
  connectMs: number;
  commandMs: number; // greeting, LHLO, and the replies to MAIL, RCPT and DATA
  blockMs: number; // for the server to take a block of data
  finalMs: number; // for the replies to the message
}

export interface Delivered {
  /** In the order of the mail's recipients. */
  answers: readonly RecipientAnswer[];
  /** The message could not be read to its end, so it was broken off. */
  contentError?: unknown;
}

/** One session with an LMTP server. Carries any number of mails, one after the other. */
export interface LmtpSession {
  readonly alive: boolean; // ready for a mail
  readonly mails: number; // that it has carried
  readonly capabilities: Capabilities;
  onClosed: (() => void) | undefined;
  /** Never rejects. @throws Error when the session is not ready: a caller's mistake. */
  deliver(mail: OutgoingMail, body: AsyncIterable<Uint8Array> | Buffer, deadlineMs: number): Promise<Delivered>;
  /** Says good-bye if that is possible now; closes in any case. */
  quit(): void;
}

const quitMs = 2_000;

/**
 * Opens a session up to the point where a mail may start. It gives the engine of `@mailrail/smtp` its bytes, its TLS and its time
 * limits, and streams bodies with back-pressure.
 *
 * @param openDeadlineMs milliseconds since the epoch; each step has its own limit, too.
 * @throws Error, why there is none, in a line.
 */
export function openLmtpSession(
  location: LmtpLocation,
  hostname: string,
  limits: LmtpLimits,
  openDeadlineMs: number,
): Promise<LmtpSession> {
  const { promise, resolve, reject } = Promise.withResolvers<LmtpSession>();
  let opening = true;
  let timer: NodeJS.Timeout | undefined;
  let drained: (() => void) | undefined;
  let full = false;
  let trouble: string | undefined; // the socket's own word, more telling than "closed"
  let work:
    | {
        body: AsyncIterable<Uint8Array> | Buffer;
        deadlineMs: number;
        answers: readonly RecipientAnswer[];
        contentError?: unknown;
        done: (result: Delivered) => void;
      }
    | undefined;

  const engine = new ClientSession(
    {
      hostname,
      protocol: 'lmtp',
      tls: location.tls === 'always' ? 'never' : location.tls,
      secure: location.tls === 'always',
      cleartextAuth: isLocal(location),
      ...(location.login === undefined ? {} : { auth: location.login }),
    },
    on,
  );
  let socket = openSocket(location);
  listen(socket);
  limit(limits.connectMs, 'no connection');
  socket.once(location.tls === 'always' ? 'secureConnect' : 'connect', () => limit(limits.commandMs, 'no greeting'));

  const session: LmtpSession & { mails: number } = {
    mails: 0,
    onClosed: undefined,
    get alive() {
      return engine.step === 'idle';
    },
    get capabilities() {
      return engine.capabilities;
    },
    deliver(mail, body, deadlineMs) {
      return new Promise((done) => {
        session.mails += 1;
        work = { body, deadlineMs, answers: [], done };
        limit(limits.commandMs, 'no reply to MAIL, RCPT or DATA');
        engine.start(mail);
      });
    },
    quit() {
      if (engine.step !== 'idle') return engine.connectionLost('given up');
      limit(quitMs, 'no reply to QUIT');
      engine.quit();
    },
  };
  return promise;

  function on(event: ClientEvent): void {
    switch (event.kind) {
      case 'send':
        if (!socket.write(event.bytes)) full = true;
        if (opening) limit(limits.commandMs, `no reply in step ${engine.step}`);
        break;
      case 'starttls':
        startTls();
        break;
      case 'ready':
        clearTimeout(timer);
        if (opening) resolve(session);
        opening = false;
        finish();
        break;
      case 'content':
        send();
        break;
      case 'answered':
        if (work !== undefined) work.answers = event.answers;
        if (engine.step === 'reset') limit(limits.commandMs, 'no reply to RSET');
        break;
      case 'closed':
        clearTimeout(timer);
        if (event.step === 'quit') socket.destroySoon();
        else socket.destroy();
        drained?.();
        if (opening)
          reject(new Error(oneLine(event.reply === undefined ? event.reason : `${event.reason}: ${event.reply.code} ${event.reply.text}`)));
        opening = false;
        finish();
        session.onClosed?.();
    }
  }

  function finish(): void {
    const done = work;
    work = undefined;
    done?.done({ answers: done.answers, ...(done.contentError === undefined ? {} : { contentError: done.contentError }) });
  }

  function listen(to: Socket): void {
    to.on('data', receive);
    to.on('drain', onDrain);
    to.on('end', onEnd);
    to.on('error', (error) => {
      trouble ??= oneLine(error.message);
    });
    to.on('close', () => engine.connectionLost(trouble ?? 'the connection was closed'));
  }
  function receive(chunk: Buffer): void {
    engine.receive(chunk);
  }
  function onDrain(): void {
    full = false;
    drained?.();
  }
  function onEnd(): void {
    engine.connectionLost(trouble ?? 'the server closed the connection');
  }

  function startTls(): void {
    const plain = socket;
    plain.off('data', receive).off('drain', onDrain).off('end', onEnd);
    limit(limits.commandMs, 'no TLS handshake');
    const secured = connectTls({ socket: plain, ...verification(location) });
    secured.once('secureConnect', () => engine.tlsStarted());
    socket = secured;
    listen(secured);
  }

  /** The server said 354: the whole message, then the dot. */
  function send(): void {
    const now = work;
    if (now === undefined) return;
    if (Buffer.isBuffer(now.body)) {
      limit(limits.finalMs, 'no reply to the message');
      socket.cork();
      engine.write(now.body);
      engine.endContent();
      socket.uncork();
      return;
    }
    stream(now.body).catch((error: unknown) => {
      now.contentError = error;
      engine.connectionLost('the stored body could not be read'); // without the dot, so the server drops what it has
    });
  }

  async function stream(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    limit(limits.blockMs, 'the message does not go on');
    for await (const chunk of chunks) {
      if (engine.step !== 'content') return; // the server has answered already, or is gone
      engine.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      limit(limits.blockMs, 'the message does not go on');
      if (full && engine.step === 'content') {
        const { promise: drain, resolve: go } = Promise.withResolvers<void>();
        drained = go;
        await drain;
        drained = undefined;
      }
    }
    if (engine.step !== 'content') return;
    limit(limits.finalMs, 'no reply to the message');
    engine.endContent();
  }

  /** From now on this phase has so long, but never longer than the mail at hand, or whoever waits for the session. */
  function limit(limitMs: number, what: string): void {
    clearTimeout(timer);
    if (engine.step === 'closed') return;
    const end = work?.deadlineMs ?? (opening ? openDeadlineMs : Number.POSITIVE_INFINITY);
    const bounded = Math.max(0, Math.min(limitMs, end - Date.now()));
    timer = setTimeout(() => engine.connectionLost(`${what} within ${bounded} ms`), bounded);
  }
}

function openSocket(location: LmtpLocation): Socket {
  const { at, tls } = location;
  if ('path' in at) return connectSocket({ path: at.path });
  if (tls === 'always') return connectTls({ ...verification(location), port: at.port });
  return connectSocket({ host: at.host, port: at.port, noDelay: true });
}

function verification({ at, tls }: LmtpLocation) {
  const host = 'host' in at ? at.host : '';
  return {
    host,
    ...(isIP(host) === 0 && host !== '' ? { servername: host } : {}),
    rejectUnauthorized: tls !== 'opportunistic',
  };
}
