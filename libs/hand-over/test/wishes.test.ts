import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { RoutedMail } from '@mailrail/contracts';
import { messageBytes } from '@mailrail/testing';
import { tlsPolicy } from '../src/tls-policy.ts';
import { routedTo, storeOf, stored } from './fakes.ts';
import { connectorTo, summary } from './line.ts';
import { type Script, scriptedServer } from './scripted-server.ts';

const pem = (name: string) => readFileSync(`${import.meta.dirname}/fixtures/${name}`, 'utf8');
const ca = pem('ca.pem');
const certificate = (name: string) => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) });
const ada = 'ada@remote.example';

/** Hands one mail over, and tells what was said and what became of it. */
async function sent(script: Script, mail: Partial<RoutedMail>, options: { tls?: ReturnType<typeof tlsPolicy>; message?: Buffer } = {}) {
  await using server = await scriptedServer(script);
  const bytes = stored(options.message ?? messageBytes());
  const routed = routedTo([ada], { ...mail, bytes });
  const { tls = tlsPolicy('never') } = options;
  using connector = connectorTo([server.port], { store: storeOf({ body: bytes }), current: { tls } });
  const outcome = summary(await connector.handle({ ...routed, content: { ...routed.content, ...mail.content, sizeBytes: bytes.length } }));
  return {
    outcome,
    from: server.mails[0]?.from ?? '',
    data: server.mails[0]?.data,
    commands: server.sessions.flatMap((one) => one.commands),
  };
}
const inSeconds = (seconds: number, mode: 'return' | 'notify', trace = false) => ({ at: Date.now() + seconds * 1_000, mode, trace });

describe('MT-PRIORITY', () => {
  test('passed on where it is offered, and only there', async () => {
    expect((await sent({ offers: ['MT-PRIORITY'] }, { priority: -4 })).from).toMatch(/ MT-PRIORITY=-4$/);
    const elsewhere = await sent({ offers: [] }, { priority: -4 });
    expect(elsewhere).toMatchObject({ outcome: ['handed-over 1'], from: '<zoe@elsewhere.example>' });
  });
});

describe('DELIVERBY', () => {
  test('what is left of the time is passed on', async () => {
    const { outcome, from } = await sent({ offers: ['DELIVERBY 60'] }, { deliverBy: inSeconds(600, 'return', true) });
    expect(outcome).toEqual(['handed-over 1', 'relayed ada@remote.example 2.0.0: mx.remote.example said 250 2.0.0 queued as 1']);
    const seconds = Number(/ BY=(\d+);RT$/.exec(from)?.[1]);
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThanOrEqual(600);
  });
  test('a notify goes on when it is late already, with what it is late by', async () => {
    expect((await sent({ offers: ['DELIVERBY'] }, { deliverBy: inSeconds(-90, 'notify') })).from).toMatch(/ BY=-9\d;N$/);
  });
  test.each([
    { name: 'its sender hears of the hand-over', notify: undefined, told: 1 },
    { name: 'never means never', notify: 'never' as const, told: 0 },
  ])('with trace: $name', async ({ notify, told }) => {
    const { recipients } = routedTo([ada], notify === undefined ? {} : { notify });
    const { outcome } = await sent({ offers: ['DELIVERBY', 'DSN'] }, { deliverBy: inSeconds(600, 'notify', true), recipients });
    expect(outcome.filter((line) => line.startsWith('relayed'))).toHaveLength(told);
  });
  test('a return and a peer that would not keep the time: 5.4.7, before MAIL', async () => {
    const { outcome, commands } = await sent({ offers: [] }, { deliverBy: inSeconds(600, 'return') });
    expect(outcome).toEqual(['failed ada@remote.example 5.4.7: its sender set a time, which the next system would not keep (DELIVERBY)']);
    expect(commands.some((line) => line.startsWith('MAIL'))).toBe(false);
  });
  test('a return with less left than the peer needs: 5.4.7', async () => {
    const { outcome } = await sent({ offers: ['DELIVERBY 600'] }, { deliverBy: inSeconds(90, 'return') });
    expect(outcome[0]).toMatch(
      /^failed ada@remote\.example 5\.4\.7: its sender set a time, of which \d+ s are left; the next system needs 600 s$/,
    );
  });
  test('a notify and a peer that would not keep the time: it goes on, and who asked hears so', async () => {
    const mail = routedTo([ada], { notify: ['success'] });
    const { outcome } = await sent({ offers: ['DSN'] }, { deliverBy: inSeconds(600, 'notify'), recipients: mail.recipients });
    expect(outcome).toEqual(['handed-over 1', 'relayed ada@remote.example 2.0.0: mx.remote.example said 250 2.0.0 queued as 1']);
  });
});

describe('REQUIRETLS', () => {
  const tls = tlsPolicy('opportunistic', { ca });
  const offers = ['REQUIRETLS', 'PIPELINING'];
  const wish = { requireTls: true } as const;
  test('over verified TLS to a peer that offers it', async () => {
    const { outcome, from } = await sent({ offers, tls: certificate('loopback') }, wish, { tls });
    expect(outcome).toEqual(['handed-over 1']);
    expect(from).toMatch(/ REQUIRETLS$/);
  });
  test.each([
    { name: 'a peer without TLS', script: { offers }, says: 'the certificate of the next system could not be verified' },
    {
      name: 'a certificate for another name',
      script: { offers, tls: certificate('elsewhere') },
      says: 'the certificate of the next system could not be verified',
    },
    {
      name: 'a peer that does not promise it',
      script: { offers: ['PIPELINING'], tls: certificate('loopback') },
      says: 'the next system does not promise REQUIRETLS',
    },
  ])('$name: 5.7.30, and nothing was said of the mail', async ({ script, says }) => {
    const { outcome, commands } = await sent(script, wish, { tls });
    expect(outcome).toEqual([`failed ada@remote.example 5.7.30: its sender requires TLS, and ${says}`]);
    expect(commands.some((line) => line.startsWith('MAIL'))).toBe(false);
  });
  test('TLS-Required: No in the header changes nothing of it', async () => {
    const message = messageBytes({ 'TLS-Required': 'No' });
    expect((await sent({ offers }, wish, { tls, message })).outcome[0]).toMatch(/ 5\.7\.30:/);
    const without = await sent({ offers: [] }, {}, { tls, message });
    expect(without.outcome).toEqual(['handed-over 1']);
    expect(without.data?.toString()).toContain('TLS-Required: No\r\n');
  });
  test('a report is sent all the same', async () => {
    expect((await sent({ offers: [] }, { ...wish, sender: null }, { tls })).outcome).toEqual(['handed-over 1']);
  });
});

describe('BINARYMIME', () => {
  const message = Buffer.concat([
    messageBytes({ 'MIME-Version': '1.0', 'Content-Type': 'application/x', 'Content-Transfer-Encoding': 'binary' }, ''),
    Buffer.from([0, 10, 13, 255, 13, 10, 46, 13, 10]),
  ]);
  const content = { ...routedTo([ada]).content, body: 'binary' as const };
  test.each([
    ['PIPELINING', 'CHUNKING', 'BINARYMIME', '8BITMIME', 'SIZE'],
    ['CHUNKING', 'BINARYMIME'],
  ])('in one chunk, untouched, where %s is offered', async (...offers) => {
    const { outcome, from, data, commands } = await sent({ offers }, { content }, { message });
    expect(outcome).toEqual(['handed-over 1']);
    expect(from).toContain(' BODY=BINARYMIME');
    expect(commands).toContain(`BDAT ${message.length} LAST`);
    expect(data?.equals(message)).toBe(true);
  });
  test.each([[['PIPELINING', 'CHUNKING', '8BITMIME']], [['BINARYMIME']], [[]]])('converted for a peer that offers %j', async (offers) => {
    const { outcome, from, data } = await sent({ offers }, { content }, { message });
    expect(outcome).toEqual(['handed-over 1']);
    expect(from).not.toContain('BODY=');
    expect(data?.toString('latin1')).toMatch(/\r\nContent-Transfer-Encoding: base64\r\n\r\nAAoN\/w0KLg0K\r\n$/);
  });
  test('a peer that refuses everybody gets no octets', async () => {
    const refuses: Script = {
      offers: ['CHUNKING', 'BINARYMIME', 'PIPELINING'],
      say: (phase) => (phase === 'RCPT' ? '550 5.1.1 no' : undefined),
    };
    const { outcome, commands } = await sent(refuses, { content }, { message });
    expect(outcome).toEqual(['failed ada@remote.example 5.1.1: mx.remote.example said 550 5.1.1 no']);
    expect(commands.some((line) => line.startsWith('BDAT'))).toBe(false);
  });
});
