import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface TestDns {
  port: number;
  asked: string[]; // names, in the order of the questions
  close(): Promise<void>;
}

const txt = 16;

/** A name server on loopback that knows some texts (TXT records) and of every other name that it does not exist (RFC 1035 §4). */
export async function dnsServer(texts: Readonly<Record<string, string>>): Promise<TestDns> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const end = at + 5;
    const name = labels.join('.').toLowerCase();
    asked.push(name);
    const text = query.readUInt16BE(at + 1) === txt ? texts[name] : undefined;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(text === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(text === undefined ? 0 : 1, 6);
    header.writeUInt32BE(0, 8);
    const answer: Buffer[] = [];
    if (text !== undefined) {
      const pieces = (text.match(/.{1,255}/g) ?? []).map((piece) =>
        Buffer.concat([Buffer.from([piece.length]), Buffer.from(piece, 'latin1')]),
      );
      const fixed = Buffer.from([0xc0, 12, 0, txt, 0, 1, 0, 0, 1, 0x2c, 0, 0]); // the name of the question, TXT, IN, 300 s
      const data = Buffer.concat(pieces);
      fixed.writeUInt16BE(data.length, 10);
      answer.push(fixed, data);
    }
    socket.send(Buffer.concat([header, query.subarray(12, end), ...answer]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
