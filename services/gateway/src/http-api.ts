import type { IncomingMessage } from 'node:http';
import type { Log, Metrics } from '@mailrail/telemetry';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { GatewayLine } from './accept.ts';
import { MessageRefused } from './eml/refusal.ts';
import type { AccessFile, Scope } from './http/access-file.ts';
import { type Client, credentials, requireScope } from './http/credentials.ts';
import { composeMessage, maxComposeBytes } from './http/compose-message.ts';
import { envelopeWords } from './http/envelope-words.ts';
import type { HandInOptions } from './http/hand-in.ts';
import { messageStatus } from './http/message-status.ts';
import { headerValues } from './http/header-values.ts';
import { methodsAt, openApiDocument } from './http/openapi.ts';
import { HttpProblem, problemDocument, problemType, refusalProblem, tryLater } from './http/problem.ts';
import { type MessageTaken, receiveMessage } from './http/receive-message.ts';
import type { ByteBudget } from './http/read-body.ts';
import { type BodyRules, requireBody } from './http/require-body.ts';
import type { MessageAccepted } from './http/schemas.ts';
import type { FetchText } from './http/webhook-certificates.ts';
import { openWebhooks } from './http/webhook-routes.ts';
import { answerBrokenRequest, continueWhenWanted, defaultTimeouts, type HttpTimeouts, linger, securityHeaders } from './http/server.ts';

export interface HttpApiOptions extends HandInOptions {
  host: string;
  port: number; // 0 takes a free one
  apiKey?: string | undefined; // may do everything; at least 16 characters
  access?: AccessFile; // other keys
  log: Log;
  metrics: Pick<Metrics, 'refused'>;
  tell?: GatewayLine['tell'];
  timeouts?: Partial<HttpTimeouts>;
  fetchText?: FetchText; // the way to certificates of webhooks; default HTTPS
  now?: () => number; // for the age of signatures
  wholeBodiesBytes?: number; // of all bodies that are read whole, at a time: JSON, and once more webhooks; default 64 MB
}

export interface HttpApi {
  port: number;
  /** Takes no more requests (503), lets those in hand end, then closes. */
  close(): Promise<void>;
}

/**
 * The HTTP way in, described by itself at `/v1/openapi.json`. Errors are problem documents (RFC 9457) and tell
 * nothing of the inside.
 *
 * @throws RangeError for an API key that could be guessed; the system's error when the port cannot be had.
 */
export async function openHttpApi(options: HttpApiOptions): Promise<HttpApi> {
  const app = httpApi(options);
  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    async close() {
      const cut = setTimeout(() => app.server.closeAllConnections(), options.timeouts?.close ?? defaultTimeouts.close);
      await app.close().finally(() => clearTimeout(cut));
    },
  };
}

const maxConnections = 1_000;

/** What a request came to, for its line in the log. */
type Facts = Readonly<Record<string, string | number | boolean>>;

/** The application without a socket. */
export function httpApi(options: HttpApiOptions): FastifyInstance {
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const clientOf = credentials(options.apiKey, options.access?.keys);
  const facts = new WeakMap<IncomingMessage, Facts>();
  const clients = new WeakMap<IncomingMessage, Client>();
  // Two, since what is posted to a webhook is read before its signature can be looked at: strangers who hold that one full must not
  // keep those out who have a key.
  const wholeBodies = (): ByteBudget => ({ left: options.wholeBodiesBytes ?? 64 * 1_048_576 });
  const [budget, webhookBudget] = [wholeBodies(), wholeBodies()];
  let closing = false;

  const app = fastify({
    forceCloseConnections: 'idle',
    return503OnClosing: false, // ours says it in its own form
    connectionTimeout: timeouts.idle,
    requestTimeout: timeouts.request,
    keepAliveTimeout: timeouts.keepAlive,
    http: {
      headersTimeout: timeouts.headers,
      connectionsCheckingInterval: Math.min(5_000, timeouts.headers / 2), // else only every 30 s anybody looks
      maxHeaderSize: 131_072, // room for the longest query: as many recipients as a message may have
      requireHostHeader: false, // looked at below, with our kind of answer
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (_error, _request, reply) => {
      void answer(reply, new HttpProblem(400, 'bad-request', 'the path of the request is malformed'));
    },
  });
  app.server.maxConnections = maxConnections;
  const sendBody = continueWhenWanted(app.server, (request, response) => app.routing(request, response));

  function answer(reply: FastifyReply, problem: HttpProblem): FastifyReply {
    facts.set(reply.request.raw, { code: problem.code });
    options.metrics.refused.inc({ gateway: options.gateway, code: String(problem.status) });
    // As bytes: to a text the framework would add a charset, and the type has none.
    return reply
      .code(problem.status)
      .headers({ ...securityHeaders, ...problem.headers, 'content-type': problemType })
      .send(Buffer.from(JSON.stringify(problemDocument(problem))));
  }

  function logRequest(request: FastifyRequest, reply: FastifyReply, status: number): void {
    const { gateway, log } = options;
    const fields = { gateway, method: request.method, status, ...facts.get(request.raw), durationMs: Math.round(reply.elapsedTime) };
    if (status >= 500) log.warn('gateway.http', fields);
    else log.info('gateway.http', fields);
  }

  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    if (headerValues(request.raw, 'host').length !== 1) throw oneHost();
    if (headerValues(request.raw, 'authorization').length > 1) throw oneKey();
    if (closing) throw tryLater(503, 'stopping', 'the service is stopping', 5);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    linger(request.raw, timeouts.linger, () => closing);
    logRequest(request, reply, reply.statusCode);
  });
  app.setErrorHandler((error, request, reply) => {
    if (isGone(request.raw)) {
      facts.set(request.raw, { code: 'aborted' });
      logRequest(request, reply, 0);
      return reply.hijack(); // nobody is there to hear an answer
    }
    const problem = problemOf(error);
    if (problem.status === 500) options.log.error('gateway.http-failed', { gateway: options.gateway, error });
    if (clients.has(request.raw)) {
      options.tell?.({ at: Date.now(), event: 'refused', recipients: 0, reason: `${problem.status} ${problem.code}` });
    }
    return answer(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const allow = methodsAt(request.url.split('?', 1)[0] ?? '');
    return answer(
      reply,
      allow === undefined
        ? new HttpProblem(404, 'not-found', 'there is nothing here; /openapi.json tells what there is')
        : new HttpProblem(405, 'method-not-allowed', `only ${allow} is possible here`, { headers: { allow } }),
    );
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null)); // every route reads its body itself

  const description = Buffer.from(JSON.stringify(openApiDocument()));
  for (const path of ['/v1/openapi.json', '/openapi.json']) {
    app.get(path, (_request, reply) => reply.type('application/json').send(description));
  }

  /** Before the body is looked at: who asks, what for, and whether it may be taken at all. */
  const admit = (request: FastifyRequest, scope: Scope, body?: BodyRules): void => {
    const client = clientOf(request.headers.authorization);
    clients.set(request.raw, client);
    requireScope(client, scope);
    if (body !== undefined) requireBody(request, body);
  };
  const clientIn = (request: FastifyRequest): Client => {
    const client = clients.get(request.raw);
    if (client === undefined) throw new Error('a request without its client');
    return client;
  };
  const accepted = (request: FastifyRequest, reply: FastifyReply, { rootId, recipients, sizeBytes, repeated }: MessageTaken) => {
    facts.set(request.raw, { rootId, recipients, sizeBytes, repeated });
    return reply
      .code(202)
      .type('application/json')
      .send(Buffer.from(JSON.stringify({ id: rootId, recipients } satisfies MessageAccepted)));
  };

  app.post(
    '/v1/messages',
    {
      onRequest: async (request) => {
        const maxBytes = options.organization.current().settings.limits.messageBytes;
        admit(request, 'send', { types: ['message/rfc822'], maxBytes });
      },
    },
    async (request, reply) => {
      const words = envelopeWords(request.query, request.raw);
      const body = { ...options, sendBody: () => sendBody(request.raw) };
      return accepted(request, reply, await receiveMessage(request.raw, words, clientIn(request), body));
    },
  );
  app.post(
    '/v1/messages::compose', // one colon, doubled for the router
    {
      onRequest: async (request) => admit(request, 'send', { types: ['application/json'], maxBytes: maxComposeBytes }),
    },
    async (request, reply) => {
      const body = { ...options, sendBody: () => sendBody(request.raw), budget };
      return accepted(request, reply, await composeMessage(request.raw, clientIn(request), body));
    },
  );
  openWebhooks(app, { ...options, credentials: clientOf, budget: webhookBudget, sendBody, tell: (raw, told) => void facts.set(raw, told) });

  app.get<{ Params: { id: string } }>(
    '/v1/messages/:id',
    { onRequest: async (request) => admit(request, 'read') },
    async (request, reply) => {
      const status = await messageStatus(options.idempotency.ledger, request.params.id, clientIn(request));
      return reply.type('application/json').send(Buffer.from(JSON.stringify(status)));
    },
  );
  return app;
}

/** RFC 9112 §3.2: otherwise a proxy may have sent it on for another host than we read. */
function oneHost(): HttpProblem {
  return new HttpProblem(400, 'host', 'a request has one Host header', { headers: { connection: 'close' } });
}

/** A proxy may have looked at another one than we read. */
function oneKey(): HttpProblem {
  return new HttpProblem(400, 'authorization', 'a request has at most one Authorization header', { headers: { connection: 'close' } });
}

/** The client closed its connection before its request was complete. */
function isGone(request: IncomingMessage): boolean {
  return request.destroyed && request.complete === false;
}

function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof MessageRefused) return refusalProblem(error);
  const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  // The framework's own: their texts are fixed and tell nothing.
  if (status >= 400 && status < 500) return new HttpProblem(status, 'bad-request', 'the request is malformed');
  return new HttpProblem(500, 'internal', 'something went wrong here; the message was not taken');
}
