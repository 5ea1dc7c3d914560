import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { ContentStoreError, memoryContentStore } from '@mailrail/content-store';
import { type ForeignMessage, SubmittedMail } from '@mailrail/contracts';
import { directoryDown, directoryOf } from '@mailrail/directory';
import { bundle, byteGate } from '@mailrail/foreign';
import { newRootId } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { plainAddressMap } from '../src/address-map.ts';
import { dialectRegistry } from '../src/dialects/dialect.ts';
import { foreignDialects } from '../src/dialects/foreign.ts';
import { translate } from '../src/translate.ts';

const organization = organizationOf({ hostname: 'ex1.corp.example' }).current();
const content = memoryContentStore();

async function stored(bytes: string, more: Partial<ForeignMessage> = {}): Promise<ForeignMessage> {
  const mail = mailTo(['ada@corp.example'], { rootId: newRootId(), ...more });
  const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form: 'message.legacy' }, [Buffer.from(bytes)]);
  const origin = { ...mail.origin, gateway: 'legacy', dialect: 'bsmtp', peer: 'a.bsmtp' };
  return { ...mail, origin, content: { ...mail.content, ref, sizeBytes, sha256, relayOffset: 0 } };
}

const deps = (store = content) => ({
  dialects: dialectRegistry(foreignDialects(store)),
  content: store,
  addresses: plainAddressMap,
  organization,
});

function submitted(outcome: Outcome): SubmittedMail {
  if (outcome.kind !== 'done') throw new Error(`${outcome.kind}: ${outcome.reason}`);
  return SubmittedMail.schema.parse(outcome.emits[0]?.mail);
}

const session = (message: string): string => `MAIL FROM:<ops@silo.example>\r\nRCPT TO:<ada@corp.example>\r\nDATA\r\n${message}.\r\n`;
const signed =
  'DKIM-Signature: v=1; a=rsa-sha256; b=x\r\nDate: Mon, 5 Oct 2026 08:00:00 +0200\r\nMessage-ID: <1@silo.example>\r\nSubject: s\r\n\r\ntext\r\n';

describe('a foreign message', () => {
  test('becomes what the line stores: our lines, then the message, untouched', async () => {
    const mail = await stored(session(signed), { sender: 'SMTP:ops@silo.example' });
    const made = submitted(await translate(mail, deps()));
    const bytes = await text(content.read(made.content.ref));
    expect(bytes.slice(0, made.content.relayOffset)).toBe('Return-Path: <ops@silo.example>\r\n');
    expect(bytes).toMatch(
      /\r\nReceived: \(legacy folder, file a\.bsmtp\)\r\n\tby ex1\.corp\.example\r\n\twith bsmtp id [0-9a-f-]{36}\r\n\tfor <ada@corp\.example>;/,
    );
    expect(bytes.endsWith(`+0000\r\n${signed}`)).toBe(true);
    expect(made.header).toMatchObject({ messageId: '<1@silo.example>', receivedCount: 1 });
    expect(made.content).toMatchObject({ sizeBytes: bytes.length, body: '7bit', smtputf8: false });
  });

  test('is the same when it is made again', async () => {
    const mail = await stored(session(signed));
    const [one, two] = [submitted(await translate(mail, deps())), submitted(await translate(mail, deps()))];
    expect(two).toEqual(one);
  });

  test('says nothing in our name', async () => {
    const mail = await stored(session(`X-Mailrail-Trust: inside\r\nAuthentication-Results: corp.example; spf=pass\r\n${signed}`));
    const bytes = await text(content.read(submitted(await translate(mail, deps())).content.ref));
    expect(bytes).not.toMatch(/X-Mailrail|Authentication-Results/);
  });

  test('from another system has a sender that can be answered, and recipients the directory knows', async () => {
    const keywords = 'WPC-API= 1.2;\r\nFrom= A.B.c;\r\nTo= X.Y.z;\r\nSubject= hello;\r\n-END-\r\n';
    const plain = await stored(bundle(Buffer.from(keywords), []).toString(), { sender: 'GWISE:A.B.c' });
    const [recipient] = plain.recipients;
    if (recipient === undefined) throw new Error('no recipient');
    const mail = { ...plain, origin: { ...plain.origin, dialect: 'gwapi' }, recipients: [{ ...recipient, address: 'GWISE:X.Y.z' }] };
    const made = submitted(await translate(mail, deps()));
    expect(made.sender).toBe('SMTP:IMCEAGWISE-A+2EB+2Ec@corp.example');
    expect(made.recipients).toMatchObject([{ address: 'GWISE:X.Y.z' }]);
    expect(await text(content.read(made.content.ref))).toContain('\r\nSubject: hello\r\n');
  });

  test('with 8-bit text is marked as such', async () => {
    const mail = await stored(session('Subject: s\r\n\r\npr\u00fcfen\r\n'));
    expect(submitted(await translate(mail, deps())).content).toMatchObject({ body: '8bit', smtputf8: false });
  });
});

describe('foreign addresses', () => {
  const settings = organizationOf({
    hostname: 'ex1.corp.example',
    domains: [
      { name: 'corp.example', type: 'authoritative' },
      { name: 'acme.example', type: 'relay' },
    ],
    addressTemplates: [
      { foreign: 'GWISE:ACME.PO1.%m', internet: 'SMTP:%m@acme.example' },
      { foreign: 'GWISE:EXCH.SITE.%m', internet: 'SMTP:%m@corp.example', people: 'ours' },
    ],
  }).current();
  const people = directoryOf([{ primary: 'SMTP:ben@corp.example', addresses: ['SMTP:ben@corp.example', 'GWISE:ACME.PO1.BEN'] }]);
  const from = async (sender: string): Promise<ForeignMessage> => {
    const keywords = `WPC-API= 1.2;\r\nFrom= ${sender.slice(6)};\r\nTo= EXCH.SITE.ada,\r\nX.Y.z;\r\nSubject= hello;\r\n-END-\r\n`;
    const plain = await stored(bundle(Buffer.from(keywords), []).toString(), { sender });
    const recipients = ['GWISE:EXCH.SITE.ada', 'GWISE:X.Y.z'].flatMap((address) => plain.recipients.map((one) => ({ ...one, address })));
    return { ...plain, origin: { ...plain.origin, dialect: 'gwapi' }, recipients };
  };

  test.each([
    ['by the directory', 'GWISE:ACME.PO1.BEN', 'ben@corp.example'],
    ['by a template', 'GWISE:ACME.PO1.BKo', 'BKo@acme.example'],
    ['encapsulated', 'GWISE:A.B.c', 'IMCEAGWISE-A+2EB+2Ec@corp.example'],
  ])('%s: %s is %s, in the envelope and in the header', async (_how, sender, expected) => {
    const made = submitted(await translate(await from(sender), { ...deps(), organization: settings, directory: people }));
    expect(made.sender).toBe(`SMTP:${expected}`);
    expect(made.recipients.map(({ address }) => address)).toEqual(['SMTP:ada@corp.example', 'GWISE:X.Y.z']);
    const bytes = await text(content.read(made.content.ref));
    expect(bytes).toContain(`\r\nFrom: ${expected}\r\n`);
    expect(bytes).toContain('\r\nTo: ada@corp.example, IMCEAGWISE-X+2EY+2Ez@corp.example\r\n');
  });

  test('wait while the directory does not answer: unreachable is never unknown', async () => {
    const outcome = await translate(await from('GWISE:A.B.c'), { ...deps(), organization: settings, directory: directoryDown });
    expect(outcome).toMatchObject({ kind: 'transient', reason: expect.stringMatching(/^directory: /), ladder: 'internal' });
  });
});

describe('what is none', () => {
  test('is for a person to look at', async () => {
    const outcome = await translate(await stored('hello'), deps());
    expect(outcome).toMatchObject({ kind: 'poison', reason: expect.stringMatching(/^bsmtp: /) });
  });
  test.each([
    ['unavailable', 'transient'],
    ['missing', 'transient'],
  ] as const)('a body that is %s is waited for', async (code, kind) => {
    const mail = await stored(session(signed));
    const store = {
      ...content,
      put: () => Promise.reject(new ContentStoreError(code, 'away')),
    };
    expect(await translate(mail, deps(store))).toMatchObject({ kind });
  });
});

describe('bytes in hand', () => {
  test('are bounded, and one piece always fits', async () => {
    const gate = byteGate(10);
    const order: string[] = [];
    const enter = async (name: string, bytes: number) => {
      const leave = await gate.enter(bytes);
      order.push(name);
      return leave;
    };
    const large = await enter('large', 50);
    const second = enter('second', 6);
    const third = enter('third', 6);
    await Promise.resolve();
    expect(order).toEqual(['large']);
    large();
    large(); // leaving twice frees nothing twice
    const leaveSecond = await second;
    expect(order).toEqual(['large', 'second']);
    leaveSecond();
    await third;
    expect(order).toEqual(['large', 'second', 'third']);
  });
});
