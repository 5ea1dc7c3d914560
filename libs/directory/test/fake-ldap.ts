import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { BerReader, BerWriter, PagedResultsControl, PresenceFilter, SearchRequest } from 'ldapts';

type Values = Record<string, readonly (string | Buffer)[]>;

/** How a search is answered. Each call sends one message. */
export interface Reply {
  entry(dn: string, attributes: Values): void;
  reference(uri: string): void;
  done(code?: number, text?: string, cookie?: Buffer): void;
  /** The end of an answer to DirSync. */
  changes(more: boolean, cookie: string): void;
  /** Bytes as they are. */
  raw(bytes: Buffer): void;
  /** The message an entry would be. */
  entryBytes(dn: string, attributes: Values): Buffer;
  /** Ends the connection when what was sent has gone out. */
  drop(): void;
}

export interface FakeOptions {
  onSearch?: (request: SearchRequest, reply: Reply) => void;
  /** Result code of a bind, or what else happens. Default 0. */
  onBind?: (dn: string, password: string) => number | 'drop' | 'silence';
  rootDse?: Values | (() => Values);
  tls?: { cert: string; key: string };
  /** Whether TLS begins with StartTLS rather than with the first byte. Without `tls` StartTLS is refused. */
  startTls?: boolean;
  /** What follows the answer to StartTLS in the clear. */
  afterStartTls?: Buffer;
}

export interface FakeLdap {
  readonly port: number;
  readonly searches: SearchRequest[]; // but those for the root DSE
  readonly binds: { dn: string; password: string }[];
  readonly connections: number; // so far
  readonly open: number; // now
  /** Everything that came in the clear. */
  readonly plain: Buffer[];
  /** Ends all connections, and takes no more. */
  close(): Promise<void>;
}

const activeDirectory: Values = {
  supportedCapabilities: ['1.2.840.113556.1.4.800'],
  namingContexts: ['DC=corp'],
  defaultNamingContext: ['DC=corp'],
  dsServiceName: ['CN=NTDS Settings,CN=DC1'],
  highestCommittedUSN: ['1000'],
};

/**
 * A directory server that does what a test says, faults above all. It reads requests with ldapts and writes answers in BER by
 * hand, so that it can write wrong ones, too. It is an Active Directory unless `rootDse` says otherwise.
 */
export async function fakeLdap(options: FakeOptions = {}): Promise<FakeLdap> {
  const { onSearch = (_, reply) => reply.done(), onBind = () => 0, rootDse = activeDirectory, tls, startTls = false } = options;
  const { afterStartTls = Buffer.alloc(0) } = options;
  const searches: SearchRequest[] = [];
  const binds: { dn: string; password: string }[] = [];
  const plain: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const serve = (socket: Socket, secure: boolean) => {
    let buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      if (!secure) plain.push(chunk);
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        const frame = new BerReader(buffer);
        if (frame.readSequence() === null || frame.remain < frame.length) return;
        const length = frame.offset + frame.length;
        const message = buffer.subarray(0, length);
        buffer = buffer.subarray(length);
        try {
          handle(message);
        } catch {
          socket.destroy(); // no LDAP, as a TLS client says it to a server in the clear
          return;
        }
      }
    };
    const send = (bytes: Buffer) => {
      if (!socket.destroyed) socket.write(bytes);
    };
    const handle = (message: Buffer) => {
      const reader = new BerReader(message);
      reader.readSequence();
      const id = reader.readInt() ?? 0;
      const operation = reader.readSequence();
      if (operation === 0x60) {
        reader.readInt();
        const dn = reader.readString() ?? '';
        const password = reader.peek() === 0x80 ? (reader.readString(0x80) ?? '') : '(SASL)';
        binds.push({ dn, password });
        const result = onBind(dn, password);
        if (result === 'drop') socket.destroy();
        else if (result !== 'silence') send(resultBytes(id, 0x61, result, ''));
      } else if (operation === 0x63) {
        const request = new SearchRequest({ messageId: id, filter: new PresenceFilter({ attribute: 'x' }) });
        request.parse(reader, []);
        const reply = replyTo(id, send, socket);
        if (request.baseDN === '' && request.scope === 'base' && request.attributes.includes('namingcontexts')) {
          reply.entry('', typeof rootDse === 'function' ? rootDse() : rootDse);
          reply.done();
          return;
        }
        searches.push(request);
        onSearch(request, reply);
      } else if (operation === 0x77) {
        const ok = tls !== undefined;
        send(Buffer.concat([resultBytes(id, 0x78, ok ? 0 : 2, ok ? '' : 'no TLS here'), afterStartTls]));
        if (!ok) return;
        socket.off('data', onData);
        const wrapped = new TLSSocket(socket, { isServer: true, cert: tls.cert, key: tls.key });
        wrapped.on('error', () => {});
        serve(wrapped, true);
      } else if (operation === 0x42) socket.end();
    };
    socket.on('data', onData);
  };
  const take = (socket: Socket, secure: boolean) => {
    connections += 1;
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    serve(socket, secure);
  };
  const server: Server =
    tls === undefined || startTls ? createServer((socket) => take(socket, false)) : createTlsServer(tls, (socket) => take(socket, true));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    searches,
    binds,
    plain,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function replyTo(id: number, send: (bytes: Buffer) => void, socket: Socket): Reply {
  const entryBytes = (dn: string, attributes: Values) =>
    written(id, 0x64, (writer) => {
      writer.writeString(dn);
      writer.startSequence();
      for (const [name, values] of Object.entries(attributes)) {
        writer.startSequence();
        writer.writeString(name);
        writer.startSequence(0x31);
        for (const value of values) {
          if (typeof value === 'string') writer.writeString(value);
          else writer.writeBuffer(value, 0x04);
        }
        writer.endSequence();
        writer.endSequence();
      }
      writer.endSequence();
    });
  return {
    entry: (dn, attributes) => send(entryBytes(dn, attributes)),
    entryBytes,
    reference: (uri) => send(written(id, 0x73, (writer) => writer.writeString(uri))),
    done: (code = 0, text = '', cookie) => send(resultBytes(id, 0x65, code, text, cookie === undefined ? undefined : page(cookie))),
    changes: (more, cookie) => send(resultBytes(id, 0x65, 0, '', dirSync(more, cookie))),
    raw: send,
    drop: () => socket.end(() => socket.destroy()),
  };
}

type Write = (writer: BerWriter) => void;

function resultBytes(id: number, operation: number, code: number, text: string, control?: Write): Buffer {
  return written(
    id,
    operation,
    (writer) => {
      writer.writeEnumeration(code);
      writer.writeString('');
      writer.writeString(text);
    },
    control === undefined
      ? undefined
      : (writer) => {
          writer.startSequence(0xa0);
          control(writer);
          writer.endSequence();
        },
  );
}

const page =
  (cookie: Buffer): Write =>
  (writer) =>
    new PagedResultsControl({ value: { size: 0, cookie } }).write(writer);

const dirSync =
  (more: boolean, cookie: string): Write =>
  (writer) => {
    const value = new BerWriter();
    value.startSequence();
    value.writeInt(more ? 1 : 0);
    value.writeInt(0);
    value.writeString(cookie);
    value.endSequence();
    writer.startSequence();
    writer.writeString('1.2.840.113556.1.4.841');
    writer.writeBuffer(value.buffer, 4);
    writer.endSequence();
  };

function written(id: number, operation: number, content: (writer: BerWriter) => void, controls?: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  writer.startSequence(operation);
  content(writer);
  writer.endSequence();
  controls?.(writer);
  writer.endSequence();
  return Buffer.from(writer.buffer);
}
