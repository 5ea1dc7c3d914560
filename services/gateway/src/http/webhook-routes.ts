import type { IncomingMessage } from 'node:http';
import { webhookDialects } from '@mailrail/foreign';
import type { Log } from '@mailrail/telemetry';
import type { FastifyInstance } from 'fastify';
import type { AccessFile } from './access-file.ts';
import { HttpProblem } from './problem.ts';
import { inTheirWords, maxWebhookBytes, receiveWebhook, type WebhookOptions } from './receive-webhook.ts';
import { requireBody } from './require-body.ts';
import type { WebhookAnswer } from './schemas.ts';
import { certificates, type FetchText, fetchText, inTime } from './webhook-certificates.ts';

export interface WebhookRoutesOptions extends Omit<WebhookOptions, 'claims' | 'sns' | 'sendBody'> {
  access?: AccessFile;
  fetchText?: FetchText;
  log: Log;
  sendBody: (request: IncomingMessage) => void;
  /** What a request came to, for its line in the log. */
  tell: (request: IncomingMessage, facts: Readonly<Record<string, string | number | boolean>>) => void;
}

/** `POST /v1/webhooks/{name}`, and the same with `/mime` behind it: Mailgun posts whole messages to an address that ends so. */
export function openWebhooks(app: FastifyInstance, options: WebhookRoutesOptions): void {
  const hooks = new Map(options.access?.webhooks.map((hook) => [hook.name, hook]));
  const get = inTime(options.fetchText ?? fetchText);
  const sns = { certificate: certificates(get), confirm: get, log: options.log };
  const hookOf = (name: string) => {
    const hook = hooks.get(name);
    if (hook === undefined) throw new HttpProblem(404, 'not-found', 'there is no webhook of this name');
    return hook;
  };
  for (const path of ['/v1/webhooks/:name', '/v1/webhooks/:name/mime']) {
    app.post<{ Params: { name: string } }>(
      path,
      {
        onRequest: async (request) => {
          const { kind } = hookOf(request.params.name);
          try {
            requireBody(request, { types: webhookDialects[kind].types, maxBytes: maxWebhookBytes });
          } catch (error) {
            throw error instanceof HttpProblem && error.status === 413 ? inTheirWords(kind, error) : error;
          }
        },
      },
      async (request, reply) => {
        const hook = hookOf(request.params.name);
        const claims = options.idempotency.ledger;
        const taken = await receiveWebhook(request.raw, hook, { ...options, claims, sns, sendBody: () => options.sendBody(request.raw) });
        const { kind: _, ...told } = taken;
        options.tell(request.raw, { webhook: hook.name, ...told });
        const answer: WebhookAnswer =
          taken.kind === 'taken' ? { id: taken.rootId, recipients: taken.recipients } : { ignored: taken.reason };
        return reply
          .code(200)
          .type('application/json')
          .send(Buffer.from(JSON.stringify(answer)));
      },
    );
  }
}
