import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { letter, NoReply, sendOne, SmtpSender } from './src/smtp-sender.ts';

/** A server that says a line when it is connected and one for each command; `hang up` closes instead. */
async function server(say: (line: string) => string, banner = '220 here') {
  const listening = createServer((socket: Socket) => {
    socket.on('error', () => {});
    let content = false;
    const answer = (line: string) => {
      const said = line === '' ? banner : say(line);
      if (said === 'hang up') socket.destroy();
      else if (said !== '') socket.write(`${said}\r\n`);
      content = said.startsWith('354');
    };
    answer('');
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      if (!content) answer(text.trimEnd());
      else if (text.endsWith('\r\n.\r\n')) answer('.');
    });
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo; // a TCP server's
  return {
    url: `smtp://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => listening.close(resolve)),
  };
}

/** What a call that must fail failed with; a reply is no failure. */
async function failure(of: Promise<unknown>): Promise<unknown> {
  return of.then(
    (value) => ({ answered: value }),
    (error: unknown) => error,
  );
}
const mail = { to: ['ada@corp.example'], message: letter('sender') };

test('a refused connection is no reply', async () => {
  const gone = await server(() => '250 ok');
  await gone.close();
  const error = await failure(sendOne(gone.url, mail));
  expect(error).toBeInstanceOf(NoReply);
  expect(error).toMatchObject({ unsure: false, message: expect.stringContaining('ECONNREFUSED') });
  expect(await failure(SmtpSender.open(gone.url))).toBeInstanceOf(NoReply);
});

const rows: { name: string; at: string; unsure: boolean }[] = [
  { name: 'before the greeting', at: 'banner', unsure: false },
  { name: 'at EHLO', at: 'EHLO', unsure: false },
  { name: 'at RCPT', at: 'RCPT', unsure: false },
  { name: 'at DATA', at: 'DATA', unsure: false },
  { name: 'behind the final dot: it may have been accepted', at: '.', unsure: true },
];
test.each(rows)('a connection that ends $name is no reply', async ({ at, unsure }) => {
  const cutting = await server(
    (line) => (line.startsWith(at) ? 'hang up' : line === 'DATA' ? '354 go' : '250 ok'),
    at === 'banner' ? 'hang up' : '220 here',
  );
  expect(await failure(sendOne(cutting.url, mail))).toMatchObject({ constructor: NoReply, unsure });
  await cutting.close();
});

test('a reply that came before the end is a reply', async () => {
  const busy = await server(() => 'hang up', '421 4.3.2 busy');
  expect(await sendOne(busy.url, mail)).toMatchObject({ code: 421 });
  await busy.close();
});
