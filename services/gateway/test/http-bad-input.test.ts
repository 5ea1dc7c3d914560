import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { parseAccessFile } from '../src/http/access-file.ts';
import { type HttpApi, type HttpApiOptions, openHttpApi } from '../src/http-api.ts';
import { type FakeAcceptor, fakeAcceptor, organization } from './fake-acceptor.ts';
import { apiKey, httpStores } from './http-support.ts';

// Bytes on a socket of the listening gateway, as a proxy before it or an attacker behind one would send them.
let acceptor: FakeAcceptor;
let api: HttpApi;
const sockets: Socket[] = [];
const inAHurry = { headers: 1_000, request: 1_500, idle: 400, linger: 100, close: 100 };
beforeEach(async () => {
  acceptor = fakeAcceptor();
  api = await open(inAHurry);
});
const open = (timeouts: HttpApiOptions['timeouts'], wholeBodiesBytes = 96_000_000): Promise<HttpApi> =>
  openHttpApi({
    gateway: 'http',
    host: '127.0.0.1',
    port: 0,
    apiKey,
    access: parseAccessFile('webhooks: [{ name: mg, kind: mailgun, signingKey: key-0123456789abcdef }]'),
    ...httpStores(),
    acceptor,
    organization: organization(),
    log: silentLog,
    metrics: createMetrics('gateway'),
    ...(timeouts === undefined ? {} : { timeouts }),
    wholeBodiesBytes,
  });
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api.close();
});

async function speak(): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const socket = connect(api.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return { socket, heard: () => text, closed };
}

const message = 'From: ada@corp.example\r\nTo: ben@corp.example\r\n\r\nhello\r\n';
const smuggled = `POST /v1/messages?to=chloe@corp.example HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: message/rfc822\r\nContent-Length: ${message.length}\r\n\r\n${message}`;
const request = (...headers: string[]) =>
  `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: message/rfc822\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;
const length = `Content-Length: ${message.length}`;
const chunked = `${message.length.toString(16)}\r\n${message}\r\n0\r\n\r\n`;

describe('one request that two readers would take for different ones', () => {
  test.each([
    ['a length and chunks', `${request(length, 'Transfer-Encoding: chunked')}${chunked}`],
    ['chunks and a length', `${request('Transfer-Encoding: chunked', 'Content-Length: 4')}${chunked}`],
    ['two lengths', `${request(length, 'Content-Length: 3')}${message}`],
    ['the same length twice', `${request(length, length)}${message}`],
    ['two lengths in one', `${request(`${length}, ${message.length}`)}${message}`],
    ['a length with a sign', `${request(`Content-Length: +${message.length}`)}${message}`],
    ['a length in hex', `${request('Content-Length: 0x10')}${message}`],
    ['a length below nothing', `${request('Content-Length: -1')}${message}`],
    ['a blank before the colon', `${request(`Content-Length : ${message.length}`)}${message}`],
    ['a folded header', `${request('X-A: b\r\n c')}${message}`],
    ['another coding', `${request('Transfer-Encoding: xchunked')}${chunked}`],
    ['chunks that are not the last coding', `${request('Transfer-Encoding: chunked, identity')}${chunked}`],
    ['a header ended by LF', request(length).replace('Host: x\r\n', 'Host: x\n') + message],
    ['a request line ended by LF', request(length).replace('HTTP/1.1\r\n', 'HTTP/1.1\n') + message],
    ['a blank line of LF', request(length).replace(/\r\n\r\n$/, '\r\n\n') + message],
    ['a CR in a header', `${request('X-A: b\rContent-Length: 3')}${message}`],
    ['a NUL in a header', `${request('X-A: b\0c')}${message}`],
    ['a chunk whose size is none', `${request('Transfer-Encoding: chunked')}zz\r\n${message}\r\n0\r\n\r\n`],
    ['a chunk whose size is too large to be one', `${request('Transfer-Encoding: chunked')}fffffffffffffffff\r\n${message}`],
    ['a chunk line ended by LF', `${request('Transfer-Encoding: chunked')}${chunked.replace('\r\n', '\n')}`],
    ['a chunk longer than it says', `${request('Transfer-Encoding: chunked')}5\r\n${message}\r\n0\r\n\r\n`],
  ])('%s: refused, and what follows on the connection is nobody’s request', async (_name, bytes) => {
    const { socket, heard, closed } = await speak();
    socket.write(Buffer.from(`${bytes}${smuggled}`, 'latin1'));
    await closed;
    expect(heard()).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(heard().match(/HTTP\/1\.1 \d\d\d/g)).toHaveLength(1);
    expect(acceptor.taken).toEqual([]);
    expect(acceptor.aborted).toBe(acceptor.begun);
  });

  test.each([
    ['no host', request(length).replace('Host: x\r\n', '')],
    ['two hosts', request(length, 'Host: y')],
    ['two keys', request(length, 'Authorization: Bearer another')],
  ])('%s: 400, nobody may have read another than we (RFC 9112 §3.2)', async (_name, head) => {
    const { socket, heard, closed } = await speak();
    socket.write(`${head}${message}`);
    await closed;
    expect(heard()).toMatch(/^HTTP\/1\.1 400 /);
    expect(heard()).toContain('application/problem+json');
    expect(acceptor.begun).toBe(0);
  });

  test('a body that is shorter than its length takes nothing of the next request for its own', async () => {
    const { socket, heard } = await speak();
    socket.write(`${request(length)}${message}${smuggled}`);
    await waitFor(() => (heard().match(/HTTP\/1\.1 202/g)?.length ?? 0) === 2, { what: 'two answers' });
    expect(acceptor.taken.map(({ request: { recipients } }) => recipients[0]?.address)).toEqual([
      'SMTP:ben@corp.example',
      'SMTP:chloe@corp.example',
    ]);
  });
});

describe('slow and unfinished', () => {
  test('a header that drips: 408', async () => {
    const { socket, heard, closed } = await speak();
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 100);
    socket.write('POST /v1/messages HTTP/1.1\r\nHost: x\r\n');
    await closed;
    clearInterval(drip);
    expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
  });
  test.each([
    ['a raw message', request('Content-Length: 1000'), `${message}half`, 1],
    ['chunks', request('Transfer-Encoding: chunked'), `5\r\nFrom:\r\n`, 0],
    [
      'JSON',
      request('Content-Length: 1000').replace('messages HTTP', 'messages:compose HTTP').replace('message/rfc822', 'application/json'),
      '{"from":',
      0,
    ],
    [
      'a form',
      request('Content-Length: 1000')
        .replace('messages HTTP', 'webhooks/mg HTTP')
        .replace('message/rfc822', 'multipart/form-data; boundary=x'),
      '--x',
      0,
    ],
  ])('%s whose body stops: the connection is closed, and nothing is kept', async (_name, head, body, begun) => {
    const { socket, closed } = await speak();
    socket.write(`${head}${body}`);
    await closed;
    await waitFor(() => acceptor.aborted === begun, { what: 'the message dropped' });
    expect([acceptor.begun, acceptor.taken.length]).toEqual([begun, 0]);
  });
  test('a body that drips has its time for the whole, and no more', async () => {
    const { socket, closed } = await speak();
    const drip = setInterval(() => socket.write('x'), 100);
    socket.write(`${request('Content-Length: 100000')}${message}`);
    await closed;
    clearInterval(drip);
    await waitFor(() => acceptor.aborted === 1, { what: 'the message dropped' });
    expect(acceptor.taken).toEqual([]);
  });
  test('a client that goes away in the middle of a form leaves nothing, and its memory is free again', async () => {
    await api.close();
    api = await open({ linger: 100, close: 100 }, 150_000);
    const another = () =>
      fetch(`http://127.0.0.1:${api.port}/v1/webhooks/mg`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `text=${'x'.repeat(100_000)}`,
      });
    const { socket } = await speak();
    const head = request('Content-Length: 40000000')
      .replace('messages HTTP', 'webhooks/mg HTTP')
      .replace('message/rfc822', 'multipart/form-data; boundary=x');
    socket.write(`${head}--x\r\n${'x'.repeat(100_000)}`);
    await waitFor(async () => (await another()).status === 503, { what: 'the memory in use' });
    socket.destroy();
    await waitFor(async () => (await another()).status === 403, { what: 'the memory free again: read, and found unsigned' });
  });
});

describe('too much', () => {
  test.each([
    ['headers', `POST /v1/messages HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`, 431],
    ['an address', `POST /v1/messages?to=${'a'.repeat(200_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['a method nobody knows', 'BREW /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['another protocol', 'EHLO client.example\r\n', 400],
  ])('%s', async (_name, bytes, status) => {
    const { socket, heard, closed } = await speak();
    socket.write(bytes);
    await closed;
    expect(heard()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(heard()).toContain('application/problem+json');
  });
  test('a form over the limit, in chunks that never say so: refused while it still comes', async () => {
    await api.close();
    api = await open({ linger: 100, close: 100 }); // with time for 50 MB
    const { socket, heard, closed } = await speak();
    const head = request('Transfer-Encoding: chunked')
      .replace('messages HTTP', 'webhooks/mg HTTP')
      .replace('message/rfc822', 'multipart/form-data; boundary=x');
    socket.write(head);
    const piece = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    for (let sent = 0; sent < 60 && socket.writable && heard() === ''; sent += 1) {
      if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    await waitFor(() => heard() !== '', { what: 'an answer' });
    expect(heard()).toMatch(/^HTTP\/1\.1 406 /);
    expect(heard()).toContain('too-large');
    expect(acceptor.begun).toBe(0);
  }, 20_000);
});
