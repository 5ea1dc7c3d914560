import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { tcpProxy, waitFor } from '../src/index.ts';

const echo = createServer((socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
let port = 0;
beforeAll(async () => {
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => {
  echo.close();
});

async function client(to: number): Promise<Socket> {
  const socket = connect(to, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
async function said(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]);
}

test('passes bytes both ways', async () => {
  const proxy = await tcpProxy(port);
  const socket = await client(proxy.port);
  expect(await said(socket, 'hello')).toBe('hello');
  expect(proxy.connections).toBe(1);
  socket.destroy();
  await proxy.close();
});

test('cut breaks what is open and lets new ones through', async () => {
  const proxy = await tcpProxy(port);
  const socket = await client(proxy.port);
  await said(socket, 'x');
  const closed = closing(socket);
  proxy.cut();
  await closed;
  const next = await client(proxy.port);
  expect(await said(next, 'again')).toBe('again');
  next.destroy();
  await proxy.close();
});

test('blackhole swallows in silence; heal breaks the broken and passes the new', async () => {
  const proxy = await tcpProxy(port);
  const socket = await client(proxy.port);
  await said(socket, 'x');
  let heard = false;
  socket.on('data', () => {
    heard = true;
  });
  proxy.blackhole();
  socket.write('lost');
  const other = await client(port); // a round trip beside the proxy takes at least as long as an answer would
  await said(other, 'y');
  expect(heard).toBe(false);
  expect(socket.destroyed).toBe(false);
  const closed = closing(socket);
  await proxy.heal();
  await closed;
  const next = await client(proxy.port);
  expect(await said(next, 'healed')).toBe('healed');
  for (const one of [other, next]) one.destroy();
  await proxy.close();
});

test('refuse turns new connections away until heal', async () => {
  const proxy = await tcpProxy(port);
  await proxy.refuse();
  const refused = connect(proxy.port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  await proxy.heal();
  const next = await client(proxy.port);
  expect(await said(next, 'back')).toBe('back');
  next.destroy();
  await proxy.close();
});

test('waitFor tells what did not come, and why', async () => {
  await expect(waitFor(() => false, { timeoutMs: 20, what: 'the bus' })).rejects.toThrow('the bus: not within 20 ms');
  const late = waitFor(() => Promise.reject(new Error('rain')), { timeoutMs: 20, what: 'the sun' });
  await expect(late).rejects.toMatchObject({ cause: { message: 'rain' } });
  expect(await waitFor(() => 'there', { what: 'it' })).toBe('there');
});
