import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { tlsPolicy } from '../src/tls-policy.ts';
import { routedTo } from './fakes.ts';
import { connectorTo, keepingLog, summary } from './line.ts';
import { type Script, scriptedServer } from './scripted-server.ts';

const pem = (name: string) => readFileSync(`${import.meta.dirname}/fixtures/${name}`, 'utf8');
const ca = pem('ca.pem');
const certificate = (name: string) => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) });
const ada = 'ada@remote.example';

describe('TLS', () => {
  const never = tlsPolicy('never');
  const opportunistic = tlsPolicy('opportunistic', { ca });
  const required = tlsPolicy('required', { ca });
  const strangers = tlsPolicy('opportunistic');
  const strict = tlsPolicy('required');
  const good: Script = { tls: certificate('loopback') };
  const wrongName: Script = { tls: certificate('elsewhere') };
  const refuses: Script = { tls: certificate('loopback'), say: (phase) => (phase === 'STARTTLS' ? '454 4.7.0 not now' : undefined) };
  const speaksGarbage: Script = { offers: ['STARTTLS', 'PIPELINING'] };
  const injects: Script = {
    tls: certificate('loopback'),
    say: (phase) => (phase === 'STARTTLS' ? '220 2.0.0 go\r\n250 2.0.0 injected' : undefined),
  };

  test.each([
    { name: 'never: not even where it is offered', policy: never, script: good, gives: 'none' },
    { name: 'opportunistic: verified', policy: opportunistic, script: good, gives: 'verified' },
    { name: 'opportunistic: another name is unverified, and used', policy: opportunistic, script: wrongName, gives: 'unverified' },
    { name: 'opportunistic: an unknown authority is unverified, and used', policy: strangers, script: good, gives: 'unverified' },
    { name: 'opportunistic: not offered', policy: opportunistic, script: {}, gives: 'none' },
    { name: 'opportunistic: refused', policy: opportunistic, script: refuses, gives: 'none' },
    {
      name: 'opportunistic: a failed handshake is followed by a session without',
      policy: opportunistic,
      script: speaksGarbage,
      gives: 'none',
    },
    { name: 'required: verified', policy: required, script: good, gives: 'verified' },
    { name: 'required: another name', policy: required, script: wrongName, gives: /Hostname\/IP does not match/ },
    {
      name: 'required: an unknown authority',
      policy: strict,
      script: good,
      gives: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|self-signed certificate/,
    },
    { name: 'required: not offered', policy: required, script: {}, gives: /127\.0\.0\.1: the server does not offer STARTTLS/ },
    { name: 'required: refused', policy: required, script: refuses, gives: /STARTTLS was refused: 454 4\.7\.0 not now/ },
    { name: 'required: a failed handshake', policy: required, script: speaksGarbage, gives: /wrong version number/ },
    {
      name: 'required: more bytes beside the answer to STARTTLS',
      policy: required,
      script: injects,
      gives: /the server sent more after its answer to STARTTLS/,
    },
  ])('$name', async ({ policy, script, gives }) => {
    await using server = await scriptedServer(script);
    const log = keepingLog();
    using connector = connectorTo([server.port], { current: { tls: policy }, log });
    const outcome = await connector.handle(routedTo([ada]));
    if (typeof gives === 'string') {
      expect(summary(outcome)).toEqual(['handed-over 1']);
      expect(outcome).toMatchObject({ facts: { tls: gives } });
      expect(log.told.find(({ event }) => event === 'session.opened')?.fields).toMatchObject({ tls: gives });
      expect(server.sessions.at(-1)?.tls).toBe(gives !== 'none');
    } else {
      expect(summary(outcome)[0]).toMatch(gives);
      expect(server.mails).toEqual([]);
    }
  });
});

describe('AUTH', () => {
  const auth = { user: 'corp', password: 's3cret' };
  const plain = `AUTH PLAIN ${Buffer.from('\0corp\0s3cret').toString('base64')}`;
  test.each([
    { name: 'PLAIN', offers: ['AUTH PLAIN LOGIN'], said: [plain] },
    {
      name: 'LOGIN',
      offers: ['AUTH LOGIN'],
      said: ['AUTH LOGIN', Buffer.from('corp').toString('base64'), Buffer.from('s3cret').toString('base64')],
    },
  ])('$name', async ({ offers, said }) => {
    await using server = await scriptedServer({ offers });
    using connector = connectorTo([server.port], { current: { auth } });
    expect(summary(await connector.handle(routedTo([ada])))).toEqual(['handed-over 1']);
    const commands = server.sessions[0]?.commands ?? [];
    expect(commands.slice(1, 1 + said.length)).toEqual(said);
  });
  test.each([
    {
      name: 'refused: our own mistake bounces nobody’s mail',
      script: { offers: ['AUTH PLAIN'], say: (phase: string) => (phase === 'AUTH' ? '535 5.7.8 no' : undefined) },
      gives: 'transient (transport): 127.0.0.1: authentication was refused: 535 5.7.8 no',
    },
    { name: 'not offered', script: {}, gives: 'transient (transport): 127.0.0.1: the server offers neither AUTH PLAIN nor AUTH LOGIN' },
  ])('$name', async ({ script, gives }) => {
    await using server = await scriptedServer(script);
    using connector = connectorTo([server.port], { current: { auth } });
    expect(summary(await connector.handle(routedTo([ada])))).toEqual([gives]);
    expect(server.mails).toEqual([]);
  });
});

describe('another site', () => {
  const offersAfterAuth: Script = {
    say: (phase, _, session) =>
      phase === 'EHLO' && session.commands.some((line) => line.startsWith('AUTH'))
        ? '250-paris.corp.example\r\n250-PIPELINING\r\n250-DSN\r\n250 XMAILRAIL'
        : undefined,
    offers: ['AUTH PLAIN', 'PIPELINING'],
  };
  const parameter = (line: string | undefined) => /XMAILRAIL=(\S+)/.exec(line ?? '')?.[1]?.split(',');

  test('is told the identity of a mail once it knows us by the secret', async () => {
    await using server = await scriptedServer(offersAfterAuth);
    using connector = connectorTo([server.port], { site: true, current: { auth: { user: 'london', password: 'secret' } } });
    const mail = routedTo([ada], { hop: 2, origin: { ...routedTo([ada]).origin, authenticated: true } });
    expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
    expect(parameter(server.mails[0]?.from)).toEqual([mail.rootId, mail.mailId, '3', mail.trace.parent, 'authenticated']);
  });

  test('knows us by our certificate', async () => {
    await using server = await scriptedServer({
      offers: ['XMAILRAIL', 'PIPELINING'],
      tls: { ...certificate('loopback'), ca, requestCert: true },
    });
    const tls = tlsPolicy('required', { ca, onlyCa: true, ...certificate('london') });
    using connector = connectorTo([server.port], { site: true, current: { tls } });
    const mail = routedTo([ada], { trace: { parent: 'not a traceparent', hops: [] } });
    expect(summary(await connector.handle(mail))).toEqual(['handed-over 1']);
    expect(server.sessions[0]).toMatchObject({ tls: true, clientCertificate: true });
    const traceparent = `00-${mail.rootId.replaceAll('-', '')}-0000000000000001-01`;
    expect(parameter(server.mails[0]?.from)).toEqual([mail.rootId, mail.mailId, '1', traceparent, 'outside']);
  });

  test('that does not offer the extension gets plain SMTP', async () => {
    await using server = await scriptedServer();
    using connector = connectorTo([server.port], { site: true });
    expect(summary(await connector.handle(routedTo([ada])))).toEqual(['handed-over 1']);
    expect(parameter(server.mails[0]?.from)).toBeUndefined();
  });
});
