import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RoutedMail } from '@mailrail/contracts';
import { type Script, type ScriptedServer, scriptedServer } from '@mailrail/hand-over/scripted-server';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { mailTo, messageBytes, waitFor } from '@mailrail/testing';
import { connectorStation } from '@mailrail/topology';
import { start } from '../src/main.ts';

let place: ServicePlace;
let down: ScriptedServer;
let paris: ScriptedServer;
let running: Running;

/** A site offers the extension to those who have proved themselves. */
const siteListener: Script = {
  offers: ['PIPELINING', 'AUTH PLAIN', 'DSN', 'SIZE 52428800'],
  say: (phase, _, session) =>
    phase === 'EHLO' && session.commands.some((line) => line.startsWith('AUTH'))
      ? '250-paris.corp.example\r\n250-PIPELINING\r\n250-DSN\r\n250 XMAILRAIL'
      : undefined,
};

beforeAll(async () => {
  down = await scriptedServer({ say: (phase) => (phase === 'CONNECT' ? '421 4.3.2 stopping' : undefined) });
  paris = await scriptedServer(siteListener);
  place = await servicePlace({
    connectors: [{ name: 'to-paris', kind: 'routing-group' }],
    organization: `connectors:
  - { name: to-paris, kind: routing-group, site: paris, bridgeheads: ['127.0.0.1:${down.port}', '127.0.0.1:${paris.port}'], tls: never }
`,
  });
}, 30_000);

afterAll(async () => {
  await running?.stop();
  await Promise.all([down, paris].map((server) => server[Symbol.asyncDispose]()));
  await place.close();
});

test.each([
  {
    name: 'a connector of another kind or none',
    role: 'internet',
    more: {},
    gives: 'no routing-group connector internet; it has to-paris',
  },
  { name: 'a certificate without its key', role: 'to-paris', more: { TLS_CERT: 'x.pem' }, gives: 'TLS_CERT and TLS_KEY come together' },
])('does not start: $name', async ({ role, more, gives }) => {
  const error = await start({ ...place.env, ...more }, role).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(gives);
});

test('tries the bridgeheads in order, proves its site, and tells the identity of the mail', async () => {
  const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), messageBytes()]);
  const stored = await place.withContent(mailTo(['chloe@corp.example']), 'smtp', bytes);
  const now = Date.now();
  const mail = RoutedMail.schema.parse({
    ...stored,
    content: { ...stored.content, relayOffset: bytes.indexOf('\n') + 1 },
    renderedAt: now,
    submittedAt: now,
    categorizedAt: now,
    targetSite: 'paris',
    connector: 'to-paris',
    destination: 'paris',
    routedBy: 'site paris, cost 1',
  });

  running = await start({ ...place.env, SITE_SECRET: 's3cret' }, 'to-paris');
  await place.ready(running);
  await place.publish(connectorStation('to-paris'), mail, 'connector.v1');

  const arrived = await waitFor(() => paris.mails[0], { what: 'the mail at the other site', timeoutMs: 20_000 });
  expect(arrived.from).toBe(`<zoe@elsewhere.example> XMAILRAIL=${mail.rootId},${mail.mailId},1,${mail.trace.parent},outside`);
  expect(arrived.to).toEqual(['<chloe@corp.example>']);
  expect(down.sessions).toHaveLength(1);
  expect(paris.sessions[0]?.commands[1]).toBe(`AUTH PLAIN ${Buffer.from('\0london\0s3cret').toString('base64')}`);
}, 50_000);
