import { createServer, type Server, type Socket } from 'node:net';
import { type SecureContextOptions, TLSSocket } from 'node:tls';

export type Phase = 'CONNECT' | 'EHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'BODY' | 'END' | 'RSET' | 'QUIT';
/** A reply; `hang`: nothing is said for ever; `cut`: the connection is destroyed; `undefined`: what a good server says. */
export type Said = string | undefined;

export interface ScriptedMail {
  from: string;
  to: string[];
  data: Buffer; // dots undone, closing dot left out; empty when not kept
  bytes: number;
}
export interface ScriptedSession {
  commands: string[];
  mails: ScriptedMail[];
  tls: boolean;
  clientCertificate: boolean;
  socket: Socket;
}
export interface Script {
  /** Keywords of EHLO. */
  offers?: readonly string[];
  /** Asked before every answer; with STARTTLS among the keywords and no `tls`, the handshake fails. `nth` counts this phase within the session, from 1. */
  say?: (phase: Phase, line: string, session: ScriptedSession, nth: number) => Said;
  tls?: SecureContextOptions & { requestCert?: boolean };
  keep?: boolean; // the data of mails; default true
  /** Called for each piece of data; may pause the socket. */
  onData?: (bytes: number, socket: Socket) => void;
}

export interface ScriptedServer extends AsyncDisposable {
  port: number;
  sessions: ScriptedSession[];
  /** All mails of all sessions, in the order their last bytes came. */
  mails: ScriptedMail[];
  open(): number;
}

const good: Record<Phase, string> = {
  CONNECT: '220 mx.remote.example ESMTP',
  EHLO: '',
  HELO: '250 mx.remote.example',
  STARTTLS: '220 2.0.0 go ahead',
  AUTH: '235 2.7.0 welcome',
  MAIL: '250 2.1.0 sender ok',
  RCPT: '250 2.1.5 recipient ok',
  DATA: '354 go on',
  BODY: '',
  END: '250 2.0.0 queued as 1',
  RSET: '250 2.0.0 flushed',
  QUIT: '221 2.0.0 bye',
};

/** An SMTP server on loopback that behaves well except where its script says otherwise. */
export async function scriptedServer(script: Script = {}): Promise<ScriptedServer> {
  const sessions: ScriptedSession[] = [];
  const mails: ScriptedMail[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const session: ScriptedSession = { commands: [], mails: [], tls: false, clientCertificate: false, socket };
    sessions.push(session);
    serve(socket, session, script, mails, true);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    sessions,
    mails,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(socket: Socket, session: ScriptedSession, script: Script, mails: ScriptedMail[], greet: boolean): void {
  const counts = new Map<Phase, number>();
  let rest: Buffer = Buffer.alloc(0);
  let mail: ScriptedMail | undefined;
  let inData = false;
  let octets: number | undefined; // of a chunk, that are still to come
  let chunks: Buffer[] = [];
  let loginSteps = 0;

  socket.on('error', () => {});
  /** @returns false when nothing more is to be done on this connection. */
  const answer = (phase: Phase, line: string, usual: string, hear?: (said: string) => void): boolean => {
    const nth = (counts.get(phase) ?? 0) + 1;
    counts.set(phase, nth);
    const said = script.say?.(phase, line, session, nth) ?? usual;
    hear?.(said);
    if (said === 'cut') {
      socket.destroy();
      return false;
    }
    if (said === 'hang') return true;
    if (said !== '') socket.write(`${said}\r\n`);
    return true;
  };
  const command = (line: string): boolean => {
    session.commands.push(line);
    const verb = line.slice(0, 4).toUpperCase();
    if (loginSteps > 0) {
      loginSteps -= 1;
      return answer('AUTH', line, loginSteps === 0 ? good.AUTH : '334 UGFzc3dvcmQ6');
    }
    switch (verb) {
      case 'EHLO': {
        const offers = [...(script.offers ?? ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN', 'SIZE 52428800'])];
        if (script.tls !== undefined && !session.tls) offers.push('STARTTLS');
        const lines = ['mx.remote.example', ...offers];
        return answer('EHLO', line, lines.map((text, at) => `250${at === lines.length - 1 ? ' ' : '-'}${text}`).join('\r\n'));
      }
      case 'HELO':
        return answer('HELO', line, good.HELO);
      case 'STAR': {
        let go = false;
        const open = answer('STARTTLS', line, good.STARTTLS, (said) => {
          go = said.startsWith('220');
        });
        if (go) upgrade();
        return open && !go;
      }
      case 'AUTH':
        if (/^AUTH LOGIN$/i.test(line)) {
          loginSteps = 2;
          return answer('AUTH', line, '334 VXNlcm5hbWU6');
        }
        return answer('AUTH', line, good.AUTH);
      case 'MAIL':
        mail = { from: line.slice(10), to: [], data: Buffer.alloc(0), bytes: 0 };
        return answer('MAIL', line, good.MAIL, (said) => {
          if (!said.startsWith('25')) mail = undefined;
        });
      case 'RCPT':
        return answer('RCPT', line, mail === undefined ? '503 5.5.1 MAIL first' : good.RCPT, (said) => {
          if (said.startsWith('25')) mail?.to.push(line.slice(8));
        });
      case 'DATA':
        return answer('DATA', line, mail === undefined || mail.to.length === 0 ? '503 5.5.1 no valid recipients' : good.DATA, (said) => {
          inData = said.startsWith('354');
        });
      case 'BDAT': {
        const [, size] = /^BDAT (\d+) LAST$/i.exec(line) ?? [];
        if (size === undefined || mail === undefined) return answer('DATA', line, '503 5.5.1 one chunk, and a mail');
        octets = Number(size);
        return true;
      }
      case 'RSET':
        mail = undefined;
        return answer('RSET', line, good.RSET);
      case 'QUIT':
        answer('QUIT', line, good.QUIT);
        socket.end();
        return false;
      default:
        socket.write('500 5.5.1 unknown command\r\n');
        return true;
    }
  };
  const upgrade = () => {
    socket.removeAllListeners('data');
    if (script.tls === undefined) return void socket.once('data', () => socket.write('this is no handshake\r\n'));
    const secured = new TLSSocket(socket, { isServer: true, ...script.tls, rejectUnauthorized: false });
    session.tls = true;
    secured.once('secure', () => {
      session.clientCertificate = Object.keys(secured.getPeerCertificate()).length > 0;
    });
    serve(secured, session, script, mails, false);
  };
  /** @returns false when the end of data has not come yet. */
  const data = (): boolean => {
    // The end may lie across two pieces: four bytes are held back.
    const from = rest.length >= 3 && rest.subarray(0, 3).equals(dot) && chunks.length === 0 ? 0 : rest.indexOf(end);
    if (from < 0) {
      const piece = rest.subarray(0, Math.max(0, rest.length - 4));
      rest = rest.subarray(piece.length);
      if (piece.length > 0) take(piece);
      return false;
    }
    const empty = from === 0 && rest.subarray(0, 3).equals(dot);
    if (!empty) take(rest.subarray(0, from + 2));
    rest = rest.subarray(from + (empty ? 3 : 5));
    inData = false;
    complete(undot(Buffer.concat(chunks)));
    return true;
  };
  const complete = (bytes: Buffer) => {
    if (mail !== undefined) {
      mail.data = bytes;
      session.mails.push(mail);
      mails.push(mail);
      mail = undefined;
    }
    chunks = [];
  };
  const take = (piece: Buffer) => {
    if (script.keep === false) chunks = [none];
    else chunks.push(piece);
    if (mail !== undefined) mail.bytes += piece.length;
  };

  socket.on('data', (chunk) => {
    if (inData) script.onData?.(chunk.length, socket);
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (inData && !answer('BODY', '', '')) return;
    for (;;) {
      if (octets !== undefined) {
        const piece = rest.subarray(0, octets);
        rest = rest.subarray(piece.length);
        octets -= piece.length;
        if (piece.length > 0) take(piece);
        if (octets > 0) return;
        octets = undefined;
        complete(Buffer.concat(chunks));
        if (!answer('END', '', good.END)) return;
        continue;
      }
      if (inData) {
        if (!data()) return;
        if (!answer('END', '', good.END)) return;
        continue;
      }
      const feed = rest.indexOf(0x0a);
      if (feed < 0) return;
      const line = rest.toString('utf8', 0, feed).replace(/\r$/, '');
      rest = rest.subarray(feed + 1);
      if (!command(line)) return;
    }
  });
  if (greet) answer('CONNECT', '', good.CONNECT);
}

const dot = Buffer.from('.\r\n');
const end = Buffer.from('\r\n.\r\n');
const none = Buffer.alloc(0);

function undot(data: Buffer): Buffer {
  return data.includes('\n..') || data.subarray(0, 2).equals(Buffer.from('..'))
    ? Buffer.from(data.toString('latin1').replace(/(^|\n)\.\./g, '$1.'), 'latin1')
    : data;
}
