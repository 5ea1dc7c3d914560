import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

// A client in a process of its own: sends so many mails over some connections, one transaction after the other, and says how long it took.
const [port = '0', count = '0', bytes = '4096'] = process.argv.slice(2);
const connections = 16;
const line = `${'x'.repeat(70)}\r\n`;
const content = `From: ada@corp.example\r\nTo: ben@corp.example\r\nSubject: burst\r\n\r\n${line.repeat(Math.ceil(Number(bytes) / line.length))}.\r\n`;
const envelope = 'MAIL FROM:<ada@corp.example>\r\nRCPT TO:<ben@corp.example>\r\nDATA\r\n';

/** Reads whole replies; the last line of each has a blank behind its code. */
async function* replies(socket: Socket): AsyncGenerator<string> {
  let heard = '';
  for await (const chunk of socket) {
    heard += String(chunk);
    for (let end = heard.indexOf('\r\n'); end >= 0; end = heard.indexOf('\r\n')) {
      const one = heard.slice(0, end);
      heard = heard.slice(end + 2);
      if (one[3] === ' ') yield one;
    }
  }
}

async function session(mails: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true });
  await once(socket, 'connect');
  const heard = replies(socket);
  const expect = async (code: string): Promise<void> => {
    const { value } = await heard.next();
    if (typeof value !== 'string' || !value.startsWith(code)) throw new Error(`${code} expected: ${String(value)}`);
  };
  await expect('220');
  socket.write('EHLO client.example\r\n');
  await expect('250');
  for (let sent = 0; sent < mails; sent += 1) {
    socket.write(envelope);
    for (const code of ['250', '250', '354']) await expect(code);
    socket.write(content);
    await expect('250');
  }
  socket.end('QUIT\r\n');
  await expect('221');
  socket.destroy();
}

const startedAt = performance.now();
await Promise.all(Array.from({ length: connections }, () => session(Math.ceil(Number(count) / connections))));
process.stdout.write(JSON.stringify({ ms: performance.now() - startedAt }));
