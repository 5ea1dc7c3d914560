import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { maxComposeBytes } from './compose-message.ts';
import { ComposedMessage } from './compose-schema.ts';
import { problemType } from './problem.ts';
import { envelopeHeader, MessageAccepted, MessageQuery, MessageStatus, Problem, WebhookAnswer } from './schemas.ts';

/** A route as people and programs read of it. */
interface Operation {
  method: 'get' | 'post';
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  query?: z.ZodObject;
  headers?: Readonly<Record<string, string>>; // name -> description
  pathParameters?: Readonly<Record<string, string>>; // the same
  body?: { type: string; description: string; schema?: z.ZodType };
  answers: Record<number, { description: string; schema?: z.ZodType; headers?: Record<string, string> }>;
  secured: boolean;
}

/** Schemas the description has by name. */
const named: Readonly<Record<string, z.ZodType>> = { MessageAccepted, MessageStatus, WebhookAnswer, Problem };

const envelopeHeaders = Object.fromEntries(
  MessageQuery.keyof().options.map((word) => [
    envelopeHeader(word),
    `The same as \`${word}\` in the query${word === 'to' ? '; several addresses with commas between them, or the header several times' : ''}.`,
  ]),
);
const keyDescription =
  'Makes repeats safe: the same key with the same request has the same answer and is one message. Remembered for 6 hours at least; another request with the key is refused.';

const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/messages',
    operationId: 'postMessage',
    summary: 'Hand over a message',
    description:
      'The body is the message itself (RFC 5322), at most as long as the organization allows, streamed. The answer 202 comes when the message is durable; from then on every recipient is reached or reported on. A missing Date or Message-ID is added.',
    query: MessageQuery,
    headers: { ...envelopeHeaders, 'Idempotency-Key': keyDescription },
    body: { type: 'message/rfc822', description: 'Lines end in CRLF or LF; NUL and CR without LF are refused.' },
    answers: {
      202: { description: 'Durable.', schema: MessageAccepted },
      400: { description: 'The request is malformed: an unknown parameter, an empty body, an Idempotency-Key that is none.' },
      401: { description: 'The API key is missing or unknown.', headers: { 'WWW-Authenticate': 'Bearer' } },
      403: { description: 'The key has not the scope `send`, or may not send in that name or to one of the recipients.' },
      409: { description: 'A request with this Idempotency-Key is in hand.', headers: { 'Retry-After': 'seconds' } },
      411: { description: 'The request has no body.' },
      413: { description: 'The message or its header is too large.' },
      415: { description: 'The body is no message/rfc822, or it is encoded.' },
      422: {
        description: 'The message or its envelope is at fault; `errors` says where. Or the Idempotency-Key was used for another request.',
      },
      429: { description: 'Too many messages of this client are in hand, or its quota is used up.', headers: { 'Retry-After': 'seconds' } },
      503: { description: 'Nothing can be taken now.', headers: { 'Retry-After': 'seconds' } },
    },
    secured: true,
  },
  {
    method: 'post',
    path: '/v1/messages:compose',
    operationId: 'composeMessage',
    summary: 'Have a message built and sent',
    description: 'The same as POST /v1/messages for clients that have texts and files and no MIME. Bcc never stands in the message.',
    headers: { 'Idempotency-Key': keyDescription },
    body: { type: 'application/json', description: `At most ${maxComposeBytes / 1_048_576} MB.`, schema: ComposedMessage },
    answers: {
      202: { description: 'Durable.', schema: MessageAccepted },
      400: { description: 'The body is no JSON, or the Idempotency-Key is none.' },
      401: { description: 'The API key is missing or unknown.', headers: { 'WWW-Authenticate': 'Bearer' } },
      403: { description: 'The key has not the scope `send`, or may not send in that name or to one of the recipients.' },
      409: { description: 'A request with this Idempotency-Key is in hand.', headers: { 'Retry-After': 'seconds' } },
      411: { description: 'The request has no body.' },
      413: { description: 'The body or the message made of it is too large.' },
      415: { description: 'The body is no application/json, or it is encoded.' },
      422: { description: 'Fields are wrong; `errors` names all of them. Or the Idempotency-Key was used for another request.' },
      429: { description: 'Too many messages of this client are in hand, or its quota is used up.', headers: { 'Retry-After': 'seconds' } },
      503: { description: 'Nothing can be taken now.', headers: { 'Retry-After': 'seconds' } },
    },
    secured: true,
  },
  {
    method: 'post',
    path: '/v1/webhooks/{name}',
    operationId: 'postWebhook',
    summary: 'Where a provider posts mail',
    description:
      'For Mailgun, SendGrid, Postmark and Amazon SES, each in its own form and with its own proof; not for programs of ours. Mailgun posts whole messages to the same address with `/mime` behind it.',
    pathParameters: { name: 'Name of the webhook in the access file.' },
    answers: {
      200: { description: 'Durable, or nothing to take.', schema: WebhookAnswer },
      401: { description: 'The password is missing or unknown.', headers: { 'WWW-Authenticate': 'Bearer' } },
      403: { description: 'The signature is wrong, old or was used; or, for most, the mail will never be taken.' },
      404: { description: 'There is no webhook of this name.' },
      406: { description: 'Mailgun: the mail will never be taken.' },
      411: { description: 'The request has no body.' },
      413: { description: 'The mail is too large.' },
      415: { description: 'The body is of another type, or encoded; or its mail is elsewhere.' },
      422: { description: 'The mail is at fault.' },
      503: { description: 'It cannot be taken now.', headers: { 'Retry-After': 'seconds' } },
    },
    secured: false,
  },
  {
    method: 'get',
    path: '/v1/messages/{id}',
    operationId: 'getMessage',
    summary: 'What became of a message',
    description:
      'A message that came in by HTTP, for 6 hours at least. A key sees what it sent itself; the key of the environment sees all.',
    pathParameters: { id: 'Identity of the message, as the 202 had it.' },
    answers: {
      200: { description: 'What is known.', schema: MessageStatus },
      401: { description: 'The API key is missing or unknown.', headers: { 'WWW-Authenticate': 'Bearer' } },
      403: { description: 'The key has not the scope `read`.' },
      404: { description: 'No message of this client with this id is known.' },
      503: { description: 'It cannot be looked up now.', headers: { 'Retry-After': 'seconds' } },
    },
    secured: true,
  },
  {
    method: 'get',
    path: '/v1/openapi.json',
    operationId: 'getDescription',
    summary: 'This description',
    answers: { 200: { description: 'OpenAPI 3.1.' } },
    secured: false,
  },
];

/** The same things at a second address. */
const others = [
  { method: 'get', path: '/openapi.json' },
  { method: 'post', path: '/v1/webhooks/{name}/mime' },
];

/** The methods of a path, for 405 and Allow; undefined for one that is not. */
export function methodsAt(path: string): string | undefined {
  const here = [...operations, ...others].find((one) => pathPattern(one.path).test(path));
  return here === undefined ? undefined : here.method === 'get' ? 'GET, HEAD' : here.method.toUpperCase();
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\./g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
}

/** The description of the interface, made of the schemas that also check what comes in. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Mailrail gateway', version: '1', description: 'The way in for programs.' },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, jsonSchema(schema)])),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function describe({ operationId, summary, description, query, headers, pathParameters, body, answers, secured }: Operation): object {
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [
      ...textParameters('path', pathParameters),
      ...(query === undefined ? [] : parametersOf(query)),
      ...textParameters('header', headers),
    ],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            description: body.description,
            content: {
              [body.type]: { schema: body.schema === undefined ? { type: 'string', format: 'binary' } : jsonSchema(body.schema) },
            },
          },
        }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(Number(status), answer)])),
    ...(secured ? { security: [{ apiKey: [] }] } : {}),
  };
}

function response(status: number, { description, schema, headers }: Operation['answers'][number]): object {
  const name = status >= 400 ? 'Problem' : Object.entries(named).find(([, one]) => one === schema)?.[0];
  const content = name === undefined ? undefined : { schema: { $ref: `#/components/schemas/${name}` } };
  const shownHeaders = Object.entries(headers ?? {}).map(([header, text]) => [header, { description: text, schema: { type: 'string' } }]);
  return {
    description: `${STATUS_CODES[status] ?? ''}. ${description}`,
    ...(content === undefined ? {} : { content: { [status >= 400 ? problemType : 'application/json']: content } }),
    ...(shownHeaders.length === 0 ? {} : { headers: Object.fromEntries(shownHeaders) }),
  };
}

function parametersOf(query: z.ZodObject): object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => {
    const description = typeof schema === 'object' ? schema.description : undefined;
    return {
      name,
      in: 'query',
      required: required.includes(name),
      explode: true,
      ...(description === undefined ? {} : { description }),
      schema,
    };
  });
}

function textParameters(place: 'header' | 'path', named: Readonly<Record<string, string>> = {}): object[] {
  return Object.entries(named).map(([name, description]) => ({
    name,
    in: place,
    required: place === 'path',
    description,
    schema: { type: 'string' },
  }));
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
