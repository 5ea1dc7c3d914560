import { createHmac } from 'node:crypto';
import { existsSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { letter, sendOne, SmtpSender } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

const signingKey = 'key-of-this-test-alone';
let system: System;
beforeAll(async () => {
  const webhook = `{ name: mailgun, kind: mailgun, signingKey: ${signingKey} }`;
  system = await startSystem({ env: { HTTP_ACCESS: `{ webhooks: [${webhook}] }` } });
}, 120_000);
afterAll(async () => system.close(), 60_000);
const delivered = (id: string, files: () => string[] = () => system.mailbox('ada@corp.example')) =>
  waitFor(
    async () => {
      for (const file of files()) {
        const text = await system.read(file);
        if (text.includes(id)) return text;
      }
      return undefined;
    },
    { what: `${id} delivered`, timeoutMs: 40_000 },
  );

describe('submission', () => {
  test('without AUTH: refused; with it: inside, so it may send anywhere', async () => {
    const { url, user, password } = system.first.submission;
    expect(await sendOne(url, { from: 'ada@corp.example', to: ['ben@corp.example'], message: letter('no-auth') })).toMatchObject({
      code: 530,
    });
    const { sender } = await SmtpSender.open(url);
    await sender.say('EHLO client.corp.example');
    expect(await sender.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0wrong`).toString('base64')}`)).toMatchObject({ code: 535 });
    expect(await sender.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)).toMatchObject({ code: 235 });
    expect(await sender.mail({ from: 'ada@corp.example', to: ['someone@anywhere.example'], message: letter('submitted') })).toMatchObject({
      code: 250,
    });
    await sender.quit();
    await delivered('<submitted@', () => system.sink());
  });
  test('AUTH LOGIN', async () => {
    const { url, user, password } = system.first.submission;
    const { sender } = await SmtpSender.open(url);
    await sender.say('EHLO client.corp.example');
    expect(await sender.say('AUTH LOGIN')).toMatchObject({ code: 334 });
    expect(await sender.say(Buffer.from(user).toString('base64'))).toMatchObject({ code: 334 });
    expect(await sender.say(Buffer.from(password).toString('base64'))).toMatchObject({ code: 235 });
    await sender.quit();
  });
});

describe('HTTP', () => {
  const post = (query: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${system.first.http}/v1/messages${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'message/rfc822', authorization: `Bearer ${system.first.apiKey}`, ...headers },
    });
  test('202 with the id, when durable; then in the mailbox', async () => {
    const answer = await post('?from=zoe%40elsewhere.example&to=ada%40corp.example', letter('http'));
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    await delivered('<http@');
  });
  test.each([
    ['no key', '?to=ada%40corp.example', { authorization: '' }, 401],
    ['a wrong key', '?to=ada%40corp.example', { authorization: 'Bearer wrong' }, 401],
    ['another type', '?to=ada%40corp.example', { 'content-type': 'text/plain' }, 415],
  ])('%s: a problem document', async (_name, query, headers, status) => {
    const answer = await post(query, letter('refused'), headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({ status, title: expect.any(String) });
  });
  test('built from JSON: in one mailbox, at the sink, refused; and what became of each can be asked', async () => {
    const answer = await fetch(`${system.first.http}/v1/messages:compose`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${system.first.apiKey}` },
      body: JSON.stringify({
        from: 'Ada <ada@corp.example>',
        to: ['ada@corp.example', 'x@elsewhere.example', 'nobody-here@corp.example'],
        bcc: 'dmitri@corp.example',
        subject: 'Größe',
        text: 'composed',
        attachments: [{ name: 'Maße.txt', content: 'YQ==' }],
        headers: { 'X-Way': 'composed-in-e2e' },
      }),
    });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    const text = await delivered('composed-in-e2e');
    expect(text).toContain('Subject: =?UTF-8?');
    expect(text).not.toMatch(/dmitri/);
    await delivered('composed-in-e2e', () => system.mailbox('dmitri@corp.example'));
    await delivered('composed-in-e2e', () => system.sink());
    const ended = await waitFor(
      async () => {
        const headers = { authorization: `Bearer ${system.first.apiKey}` };
        const status = (await (await fetch(`${system.first.http}/v1/messages/${id}`, { headers })).json()) as { state: string };
        return status.state === 'ended' ? status : undefined;
      },
      { what: 'every recipient ended', timeoutMs: 40_000 },
    );
    expect(ended).toMatchObject({
      recipients: 4,
      to: [
        { address: 'ada@corp.example', state: 'delivered' },
        { address: 'x@elsewhere.example', state: 'handed-over' },
        { address: 'nobody-here@corp.example', state: 'failed', status: '5.1.1' },
        { address: 'dmitri@corp.example', state: 'delivered' },
      ],
    });
  });
  test('a request that is repeated under its key is one message', async () => {
    const repeat = () => post('?from=zoe%40elsewhere.example&to=ben%40corp.example', letter('keyed'), { 'idempotency-key': 'e2e-1' });
    const answers = [await (await repeat()).json(), await (await repeat()).json()];
    expect(answers[1]).toEqual(answers[0]);
    const other = await post('?from=zoe%40elsewhere.example&to=ben%40corp.example', letter('after-it'), { 'idempotency-key': 'e2e-2' });
    expect(other.status).toBe(202);
    await delivered('<after-it@', () => system.mailbox('ben@corp.example'));
    await delivered('<keyed@', () => system.mailbox('ben@corp.example'));
    const texts = await Promise.all(system.mailbox('ben@corp.example').map((file) => system.read(file)));
    expect(texts.filter((text) => text.includes('<keyed@'))).toHaveLength(1);
  });
  test('a webhook: in the mailbox, from outside', async () => {
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const form = new FormData();
    const fields = {
      timestamp,
      token: 'e2e-token',
      signature: createHmac('sha256', signingKey).update(`${timestamp}e2e-token`).digest('hex'),
      sender: 'zoe@elsewhere.example',
      recipient: 'ada@corp.example',
      'body-mime': letter('by-webhook'),
    };
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const answer = await fetch(`${system.first.http}/v1/webhooks/mailgun/mime`, { method: 'POST', body: form });
    expect(answer.status).toBe(200);
    expect(await delivered('<by-webhook@')).toMatch(/^Return-Path: <zoe@elsewhere\.example>/);
  });
  test('described by OpenAPI', async () => {
    const answer = await fetch(`${system.first.http}/openapi.json`);
    expect(await answer.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/), paths: { '/v1/messages': expect.anything() } });
  });
});

describe('IN folders', () => {
  const folder = (gateway: string, name: string) => path.join(system.first.in, gateway, name);
  const put = (gateway: string, name: string, text: string) => {
    const temporary = path.join(system.first.in, gateway, 'IN', `.${name}.tmp`);
    writeFileSync(temporary, `${text}\r\n`); // a whole last line: nothing to wait for
    renameSync(temporary, path.join(folder(gateway, 'IN'), name));
  };
  test('pickup: envelope from the headers, Bcc removed, the file gone', async () => {
    put('pickup', 'letter.eml', letter('pickup', { To: 'ada@corp.example', Bcc: 'ben@corp.example', From: 'dmitri@corp.example' }));
    expect(await delivered('<pickup@')).not.toMatch(/^Bcc:/im);
    await delivered('<pickup@', () => system.mailbox('ben@corp.example'));
    await waitFor(() => readdirSync(folder('pickup', 'IN')).length === 0 && readdirSync(folder('pickup', 'WORK')).length === 0, {
      what: 'folders empty',
    });
  });
  test('replay: envelope from X-Sender and X-Receiver, which are removed', async () => {
    put(
      'replay',
      'replayed.eml',
      `X-Sender: dmitri@corp.example\r\nX-Receiver: ada@corp.example\r\n${letter('replay', { To: 'list@elsewhere.example' })}`,
    );
    const text = await delivered('<replay@');
    expect(text).not.toMatch(/X-Receiver/i);
    expect(text).toMatch(/^Return-Path: <dmitri@corp\.example>/);
  });
  test('without recipients, or a link: BAD, with a report a person can act on', async () => {
    put('pickup', 'nobody.eml', 'Subject: for nobody\r\n\r\nbody');
    writeFileSync(path.join(system.data, 'secret'), letter('secret'));
    symlinkSync(path.join(system.data, 'secret'), path.join(folder('pickup', 'IN'), 'link.eml'));
    for (const name of ['nobody.eml', 'link.eml']) {
      await waitFor(() => existsSync(path.join(folder('pickup', 'BAD'), `${name}.report.json`)), {
        what: `a report on ${name}`,
        timeoutMs: 40_000,
      });
    }
    expect(system.mailbox('ada@corp.example').length).toBeGreaterThan(0);
    expect((await Promise.all(system.mailbox('ada@corp.example').map(system.read))).some((text) => text.includes('secret@'))).toBe(false);
  });
});

test('the end: everything balances', async () => {
  const counts = await system.settled();
  expect(counts.badmail ?? 0).toBe(0);
});
