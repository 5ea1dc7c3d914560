import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpProblem, problemDocument, problemType } from './problem.ts';

/** All in milliseconds. */
export interface HttpTimeouts {
  headers: number; // from the first byte of a request to the end of its header; default 15,000
  request: number; // to the end of its body; default 600,000, as a session of SMTP
  idle: number; // a socket without a byte; default 60,000
  keepAlive: number; // between two requests; default 10,000
  linger: number; // a body that was not read may go on so long after the answer; default 5,000
  close: number; // requests in hand may take so long at the end; default 10,000
}

export const defaultTimeouts: HttpTimeouts = {
  headers: 15_000,
  request: 600_000,
  idle: 60_000,
  keepAlive: 10_000,
  linger: 5_000,
  close: 10_000,
};

/** The API serves data for programs; a browser that comes by does nothing with it. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * Requests with `Expect: 100-continue` (RFC 9110 §10.1.1): the body is asked for only when it is wanted, so that a client hears of
 * a wrong key or a size over the limit before it sends 50 MB.
 *
 * @returns asks for the body of a request that waits for it.
 */
export function continueWhenWanted(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): (request: IncomingMessage) => void {
  const expecting = new WeakMap<IncomingMessage, () => void>();
  server.on('checkContinue', (request, response) => {
    expecting.set(request, () => response.writeContinue());
    handle(request, response);
  });
  return (request) => {
    expecting.get(request)?.();
    expecting.delete(request);
  };
}

/**
 * After an answer that came before the body did: reads and drops what still comes, so that the client reads the answer instead
 * of an error on its connection, but not for ever.
 *
 * @param isClosing the server is about to end.
 */
export function linger(request: IncomingMessage, lingerMs: number, isClosing: () => boolean): void {
  if (request.complete !== false) return; // an injected request has no socket and does not say
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  request.once('end', () => {
    clearTimeout(timer);
    if (isClosing()) socket.destroy(); // the server would wait for another request
  });
  socket.once('close', () => clearTimeout(timer));
  request.resume();
}

/** Answers what never became a request: a broken or oversized header, a timeout. Written by hand, since there is no response object. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = brokenRequests[error.code ?? ''] ?? new HttpProblem(400, 'bad-request', 'this is no HTTP request');
  const document = problemDocument(problem);
  const body = JSON.stringify(document);
  const headers = {
    'content-type': problemType,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...securityHeaders,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${document.title}\r\n${lines.join('')}\r\n${body}`);
}

const brokenRequests: Readonly<Record<string, HttpProblem>> = {
  HPE_HEADER_OVERFLOW: new HttpProblem(431, 'header-too-large', 'the request line and header are too long'),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpProblem(408, 'timeout', 'the request took too long'),
};
