import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type HttpApi, type HttpApiOptions, openHttpApi } from '../src/http-api.ts';
import { type FakeAcceptor, fakeAcceptor, organization } from './fake-acceptor.ts';
import { httpStores } from './http-support.ts';

const apiKey = 'a-key-of-some-length';
const header = 'From: ada@corp.example\r\nTo: ben@corp.example\r\n\r\n';
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function api(
  acceptor: FakeAcceptor,
  more: Pick<Partial<HttpApiOptions>, 'organization' | 'timeouts' | 'log' | 'tell'> = {},
): Promise<HttpApi> {
  const options = {
    gateway: 'http',
    host: '127.0.0.1',
    port: 0,
    apiKey,
    ...httpStores(),
    acceptor,
    organization: organization(),
    log: silentLog,
  };
  const opened = await openHttpApi({ ...options, metrics: createMetrics('gateway'), ...more });
  open.push(opened);
  return opened;
}

function post(port: number, headers: Record<string, string> = {}) {
  const all = { authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822', ...headers };
  return httpRequest({ host: '127.0.0.1', port, method: 'POST', path: '/v1/messages', headers: all });
}

async function answerOf(
  request: ReturnType<typeof post>,
): Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: unknown }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** A socket that speaks by hand. */
async function speak(port: number): Promise<{ socket: Socket; heard: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, heard: () => text, closed };
}

const head = (more: string) =>
  `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: message/rfc822\r\n${more}\r\n`;

describe('uploads', () => {
  test('40 MB pass while a few chunks at a time are in memory, at the pace of the store', async () => {
    const acceptor = fakeAcceptor({ keepBytes: false });
    const { port } = await api(acceptor);
    let written = 0;
    let sent = 0;
    let furthest = 0;
    acceptor.onWrite = (chunk) => {
      written += chunk.length;
      furthest = Math.max(furthest, sent - written);
      return new Promise((resolve) => setImmediate(resolve));
    };
    const request = post(port, { 'transfer-encoding': 'chunked' });
    const answer = answerOf(request);
    request.write(header);
    const line = Buffer.from(`${'x'.repeat(78)}\n`.repeat(800));
    while (sent < 40_000_000) {
      sent += line.length;
      if (!request.write(line)) await once(request, 'drain');
    }
    request.end();
    expect(await answer).toMatchObject({ status: 202 });
    expect(acceptor.taken[0]?.request.recipients).toHaveLength(1);
    expect(written).toBeGreaterThan(sent); // every LF became CRLF
    expect(furthest).toBeLessThan(8_000_000); // what waits is in the sockets, not here
  });

  test('byte by byte it is the same message', async () => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor);
    const request = post(port, { 'transfer-encoding': 'chunked' });
    const answer = answerOf(request);
    for (const byte of `Date: x\nMessage-ID: <1@x>\n${header}one\ntwo\r\n`) request.write(byte);
    request.end();
    expect(await answer).toMatchObject({ status: 202 });
    expect(acceptor.taken[0]?.bytes.toString()).toBe(`Date: x\r\nMessage-ID: <1@x>\r\n${header}one\r\ntwo\r\n`);
  });

  test('a client that goes away leaves nothing, and is nobody’s fault here', async () => {
    const acceptor = fakeAcceptor();
    const lines: object[] = [];
    const note = (level: string) => (event: string, fields?: object) => void lines.push({ level, event, ...fields });
    const log = { info: note('info'), warn: note('warn'), error: note('error'), debug: note('debug') };
    const { port } = await api(acceptor, { log });
    const { socket } = await speak(port);
    socket.write(`${head('Content-Length: 1000\r\n')}${header}half`);
    await waitFor(() => acceptor.begun === 1, { what: 'the message begun' });
    socket.destroy();
    await waitFor(() => acceptor.aborted === 1, { what: 'the message dropped' });
    expect(acceptor.taken).toEqual([]);
    await waitFor(() => lines.length > 0, { what: 'its line' });
    expect(lines).toEqual([expect.objectContaining({ level: 'info', event: 'gateway.http', code: 'aborted' })]);
  });

  test('a client that goes away before the header is complete leaves nothing', async () => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor);
    const { socket, closed } = await speak(port);
    socket.write(`${head('Content-Length: 1000\r\n')}From: a`);
    socket.end();
    await closed;
    expect([acceptor.begun, acceptor.taken.length]).toEqual([0, 0]);
  });

  test('over the limit in the middle: 413 although the client still sends, and nothing stays', async () => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor, { organization: organization({ messageBytes: '100KB' }) });
    const request = post(port, { 'transfer-encoding': 'chunked' });
    const answer = answerOf(request);
    request.write(header);
    for (let i = 0; i < 8; i += 1) request.write(Buffer.alloc(50_000, 'x'));
    expect(await answer).toMatchObject({ status: 413, body: { code: 'too-large' } });
    request.end();
    expect([acceptor.aborted, acceptor.taken.length]).toEqual([1, 0]);
  });

  test('a body that nobody wants does not go on for ever', async () => {
    const { port } = await api(fakeAcceptor(), { timeouts: { linger: 50 } });
    const { socket, heard, closed } = await speak(port);
    socket.write(`POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: message/rfc822\r\nContent-Length: 100000\r\n\r\nbegin`);
    await closed;
    expect(heard()).toMatch(/^HTTP\/1\.1 401 /);
  });

  test('two messages on one connection', async () => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor);
    const { socket, heard } = await speak(port);
    const body = `${header}x\r\n`;
    socket.write(`${head(`Content-Length: ${body.length}\r\n`)}${body}`.repeat(2));
    await waitFor(() => (heard().match(/HTTP\/1\.1 202/g)?.length ?? 0) === 2, { what: 'two answers' });
    socket.destroy();
    expect(acceptor.taken).toHaveLength(2);
  });
});

describe('Expect: 100-continue', () => {
  test('the body is asked for only when it is wanted', async () => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor);
    const { socket, heard } = await speak(port);
    const body = `${header}x\r\n`;
    socket.write(head(`Expect: 100-continue\r\nContent-Length: ${body.length}\r\n`));
    await waitFor(() => heard().startsWith('HTTP/1.1 100 Continue\r\n\r\n'), { what: '100' });
    socket.write(body);
    await waitFor(() => heard().includes('HTTP/1.1 202'), { what: '202' });
    socket.destroy();
  });

  test.each([
    ['a wrong key', `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer no\r\n`, 401],
    ['a size over the limit', head('').replace(/\r\n$/, ''), 413],
  ])('%s is said without it', async (_name, start, status) => {
    const { port } = await api(fakeAcceptor(), { timeouts: { linger: 50 } });
    const { socket, heard, closed } = await speak(port);
    socket.write(`${start}Expect: 100-continue\r\nContent-Length: 90000000\r\n\r\n`);
    await closed;
    expect(heard()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});

describe('what is no request', () => {
  test.each([
    ['garbage', '\x16\x03\x01garbage\r\n\r\n', 400],
    ['two lengths', head('Content-Length: 5\r\nContent-Length: 6\r\n'), 400],
    ['length and chunks', head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), 400],
    ['a header without end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`, 431],
  ])('%s', async (_name, text, status) => {
    const acceptor = fakeAcceptor();
    const { port } = await api(acceptor);
    const { socket, heard, closed } = await speak(port);
    socket.write(text);
    await closed;
    expect(heard()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(heard()).toContain('content-type: application/problem+json');
    expect(JSON.parse(heard().split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
    expect(acceptor.begun).toBe(0);
  });
});

describe('closing', () => {
  test('what is in hand ends, and then the port is free', async () => {
    const acceptor = fakeAcceptor();
    let release = (): void => {};
    acceptor.gate = new Promise((resolve) => {
      release = resolve;
    });
    const opened = await api(acceptor);
    const { port } = opened;
    const request = post(port);
    const answer = answerOf(request);
    request.end(`${header}x\r\n`);
    await waitFor(() => acceptor.begun === 1, { what: 'the message begun' });
    const closed = opened.close();
    release();
    expect(await answer).toMatchObject({ status: 202 });
    await closed;
    const refused = connect(port, '127.0.0.1');
    await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  test('a connection that was there before gets 503', async () => {
    const acceptor = fakeAcceptor();
    let release = (): void => {};
    acceptor.gate = new Promise((resolve) => {
      release = resolve;
    });
    const opened = await api(acceptor);
    const { port } = opened;
    const inHand = post(port);
    const answer = answerOf(inHand);
    inHand.end(`${header}x\r\n`);
    const { socket, heard } = await speak(port);
    socket.write('GET /openapi.json HTTP/1.1\r\n'); // half a request: not idle
    await waitFor(() => acceptor.begun === 1, { what: 'the message begun' });
    const closed = opened.close();
    socket.write('Host: x\r\n\r\n');
    await waitFor(() => heard().startsWith('HTTP/1.1 503 '), { what: '503' });
    expect(heard()).toContain('retry-after: 5');
    release();
    await answer;
    await closed;
  });

  test('what does not end is cut', async () => {
    const acceptor = fakeAcceptor();
    const opened = await api(acceptor, { timeouts: { close: 50 } });
    const { port } = opened;
    const { socket, closed } = await speak(port);
    socket.write(`${head('Content-Length: 1000\r\n')}${header}half`);
    await waitFor(() => acceptor.begun === 1, { what: 'the message begun' });
    await opened.close();
    await closed;
    await waitFor(() => acceptor.aborted === 1, { what: 'the message dropped' });
  });
});
