import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import {
  bundle,
  type Entry,
  fileDialects,
  fileWriters,
  type FileWriter,
  type OutFiles,
  type OutMessage,
  type Spool,
} from '../src/index.ts';
import { context } from './dialect-support.ts';

/** A spool in memory. */
function memorySpool(): Spool & { bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  return {
    write: async (bytes) => void chunks.push(Buffer.from(bytes)),
    get sizeBytes() {
      return chunks.reduce((sum, { length }) => sum + length, 0);
    },
    async *read() {
      yield* chunks;
    },
    bytes: () => Buffer.concat(chunks),
  };
}
const bytesOf = async (spool: Spool): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of spool.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const source = [
  'From: =?utf-8?Q?Ada_L=C3=B6velace?= <ada@corp.example>',
  'To: "Bo; Koe" <IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example>, x@remote.example',
  'Cc: team: ben@corp.example;',
  'Subject: =?utf-8?Q?Silo_7_=C3=BCberf=C3=BCllt=3B_98_%?=',
  'Date: Mon, 5 Oct 2026 08:00:00 +0200',
  'Message-ID: <w7.42@plant.example>',
  'In-Reply-To: <w7.41@plant.example>',
  'Importance: high',
  'Sensitivity: Company-Confidential',
  'Disposition-Notification-To: ada@corp.example',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=q',
  '',
  '--q',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
  '',
  'Bitte prüfen.',
  '..two dots',
  '.',
  'end',
  '--q',
  'Content-Type: text/csv; name="../../etc/lög;file.csv"',
  'Content-Disposition: attachment; filename="C:\\\\data\\\\log;file.csv"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64'),
  '--q--',
  '',
].join('\r\n');

const foreign = new Map([
  ['SMTP:ada@corp.example', 'GWISE:EXCH.SITE.ada'],
  ['SMTP:IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example', 'GWISE:ACME.PO1.BKo'],
]);

function message(more: Partial<OutMessage> = {}, text = source): OutMessage {
  const bytes = Buffer.from(text);
  return {
    name: '0123456789abcdef',
    sender: 'GWISE:EXCH.SITE.ada',
    recipients: [{ address: 'GWISE:ACME.PO1.BKo', notify: ['success'] }, { address: 'GWISE:ACME.PO1.HIDDEN' }],
    body: '8bit',
    smtputf8: false,
    sizeBytes: bytes.length,
    acceptedAt: Date.UTC(2026, 9, 5),
    hostname: 'ex1.corp.example',
    postmaster: 'SMTP:postmaster@corp.example',
    open: async function* () {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    },
    known: async (addresses) => new Map(addresses.map((address) => [address, foreign.get(address) ?? address])),
    ...more,
  };
}

async function written(writer: FileWriter, out: OutMessage): Promise<OutFiles> {
  const files = await writer.write(out, async () => memorySpool());
  if (files.kind !== 'files') throw new Error(files.reason);
  return files;
}

/** What our own reader of the dialect makes of what was written. */
async function readBack(dialect: keyof typeof fileDialects, files: OutFiles) {
  const file = await bytesOf(files.main);
  const reader = fileDialects[dialect];
  const read = reader.read(file, { recipientsPerMessage: 100, messageBytes: 100_000_000 });
  if (read.kind === 'reject') throw new Error(read.reason);
  const [entry] = read.entries.filter((one): one is Entry => one.kind === 'message');
  if (entry === undefined) throw new Error('no message');
  const parts = await Promise.all(files.parts.map(async ({ name, spool }) => ({ name, bytes: await bytesOf(spool) })));
  const made = await reader.translate(read.files === undefined ? entry.bytes : bundle(entry.bytes, parts), context);
  if (made.kind === 'reject') throw new Error(made.reason);
  return { entry, file, mail: await simpleParser(Buffer.concat(made.parts)), raw: Buffer.concat(made.parts), parts };
}

describe('gwapi', () => {
  test('our own reader gets it back: envelope, header, text, attachment byte for byte', async () => {
    const files = await written(fileWriters.gwapi, message());
    const { entry, file, mail, parts } = await readBack('gwapi', files);
    expect(entry.sender).toBe('GWISE:EXCH.SITE.ada');
    expect(entry.recipients.map(({ address, notify }) => [address, notify])).toEqual([
      ['GWISE:ACME.PO1.BKo', ['success', 'failure']],
      ['GWISE:ACME.PO1.HIDDEN', ['success', 'failure']],
    ]);
    const text = file.toString('latin1');
    expect(text).toContain('BC= WPD= ACME; WPPO= PO1; WPU= HIDDEN;');
    expect(text.slice(text.indexOf('All-To='), text.indexOf('To-Text'))).not.toContain('HIDDEN');
    expect(parts.map(({ name }) => name)).toEqual(['0123456789abcdef.bdy', '0123456789abcdef.001']);
    expect(mail.subject).toBe('Silo 7 überfüllt; 98 %');
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    expect(mail.text).toBe('Bitte prüfen.\n..two dots\n.\nend');
    expect(mail.attachments.map(({ filename }) => filename)).toEqual(['log;file.csv']);
    expect(mail.attachments[0]?.content).toEqual(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    expect(mail.headers.get('priority')).toBe('high');
    expect(mail.headers.get('sensitivity')).toBe('Company-Confidential');
    expect(mail.headers.has('disposition-notification-to')).toBe(true);
    expect(mail.messageId).toBe('<w7.42@plant.example>');
    expect(mail.inReplyTo).toBe('<w7.41@plant.example>');
    const [to] = [mail.to].flat();
    expect(to?.value.map(({ address }) => address)).toEqual(['IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example', 'x@remote.example']);
    expect(text.endsWith('-END-\r\n')).toBe(true);
  });

  test('letters its code page lacks are question marks, and the whole text lies beside', async () => {
    const files = await written(
      fileWriters.gwapi,
      message({}, 'From: a@b.example\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nπ and ü\r\n'),
    );
    const { mail } = await readBack('gwapi', files);
    expect(mail.text?.trim()).toBe('? and ü');
    expect(mail.attachments.map(({ filename, content }) => [filename, content.toString()])).toEqual([['text-utf8.txt', 'π and ü\n']]);
    expect(files.notes).toEqual(['1 letters are not in its code page']);
  });

  test('a report about a message of theirs is a status, with its id', async () => {
    const files = await written(fileWriters.gwapi, message({ sender: null }, report('X-Foreign-ID: 4AC9E0F2.PO1.ACME.100.0001\r\n')));
    const text = (await bytesOf(files.main)).toString();
    expect(files.parts).toEqual([]);
    expect(text).toContain('Msg-Type= Status;');
    expect(text).toContain('To= WPD= ACME; WPPO= PO1; WPU= BKo; ;');
    expect(text).toContain('Orig-Msg-ID= 4AC9E0F2.PO1.ACME.100.0001;');
    expect(text).toContain('Status= Undeliverable;');
    expect(text).toContain('Status-Code= 5.1.1;');
    expect(text).toContain('nobody@corp.example: nobody has this address');
  });

  test('a report about anything else is a mail from the postmaster', async () => {
    const { mail } = await readBack('gwapi', await written(fileWriters.gwapi, message({ sender: null }, report(''))));
    expect(mail.subject).toBe('Undeliverable: x');
    expect(mail.text?.trim()).toBe('It failed.');
  });
});

function report(foreignId: string): string {
  return [
    'From: Mail Delivery System <postmaster@corp.example>',
    'To: <IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example>',
    'Subject: Undeliverable: x',
    'Auto-Submitted: auto-replied',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=r',
    '',
    '--r',
    'Content-Type: text/plain',
    '',
    'It failed.',
    '--r',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; ex1.corp.example',
    '',
    'Final-Recipient: rfc822; nobody@corp.example',
    'Action: failed',
    'Status: 5.1.1',
    'Diagnostic-Code: x-mailrail; nobody has this address',
    '',
    '--r',
    'Content-Type: text/rfc822-headers',
    '',
    `${foreignId}Subject: x`,
    '',
    '--r--',
    '',
  ].join('\r\n');
}

describe('ffapi', () => {
  const out = { sender: 'MS:NET/PO1/ADA', recipients: [{ address: 'MS:ACME/PO1/BO' }, { address: 'SMTP:x@remote.example' }] };

  test('our own reader gets it back, sizes and all', async () => {
    const files = await written(fileWriters.ffapi, message(out));
    const { entry, mail, file } = await readBack('ffapi', files);
    expect(files.parts).toEqual([]);
    expect(entry.sender).toBe('MS:NET/PO1/ADA');
    expect(entry.recipients.map(({ address }) => address)).toEqual(['MS:ACME/PO1/BO', 'SMTP:x@remote.example']);
    expect(mail.subject).toBe('Silo 7 überfüllt; 98 %');
    expect(mail.text).toBe('Bitte prüfen.\n..two dots\n.\nend');
    expect(mail.attachments.map(({ filename, size }) => [filename, size])).toEqual([['LOGFILE.CSV', 256]]);
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    expect(file.toString('latin1')).toContain('PRIORITY:R\r\n');
  });

  test('two attachments with one name are two', async () => {
    const attachment = '--q\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a very long name.text"\r\n\r\nx\r\n';
    const text = `From: a@b.example\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n${attachment}${attachment}${attachment}--q--\r\n`;
    const { mail } = await readBack('ffapi', await written(fileWriters.ffapi, message(out, text)));
    expect(mail.attachments.map(({ filename }) => filename)).toEqual(['AVERYLON.TEX', 'AVERYL~1.TEX', 'AVERYL~2.TEX']);
  });
});

describe('bsmtp', () => {
  const out: Partial<OutMessage> = {
    sender: 'SMTP:ada@corp.example',
    recipients: [
      { address: 'SMTP:ops@silo.example', notify: ['success', 'failure'], orcpt: 'rfc822;o+ps@silo.example' },
      { address: 'SMTP:b@silo.example', notify: 'never' },
    ],
    envid: 'S 9',
    ret: 'hdrs',
  };

  test('the content passes byte for byte, the envelope whole', async () => {
    const { entry, raw } = await readBack('bsmtp', await written(fileWriters.bsmtp, message(out)));
    expect(raw.toString()).toBe(source);
    expect(entry).toMatchObject({ sender: 'SMTP:ada@corp.example', envid: 'S 9', ret: 'hdrs', helo: 'ex1.corp.example' });
    expect(entry.recipients).toMatchObject([
      { address: 'SMTP:ops@silo.example', notify: ['success', 'failure'], orcpt: 'rfc822;o+ps@silo.example' },
      { address: 'SMTP:b@silo.example', notify: 'never' },
    ]);
  });
  test('a report has the empty reverse-path', async () => {
    const { entry } = await readBack('bsmtp', await written(fileWriters.bsmtp, message({ ...out, sender: null })));
    expect(entry.sender).toBeNull();
  });
  test('what is binary cannot be carried', async () => {
    expect(await fileWriters.bsmtp.write(message({ ...out, body: 'binary' }), async () => memorySpool())).toMatchObject({
      status: '5.6.1',
    });
  });
});

test('eml has its envelope in lines before the message', async () => {
  const files = await written(
    fileWriters.eml,
    message({
      sender: null,
      ret: 'full',
      recipients: [{ address: 'SMTP:"odd>one"@remote.example', notify: 'never' }, { address: 'SMTP:b@x.example' }],
    }),
  );
  const text = (await bytesOf(files.main)).toString();
  expect(text).toBe(
    `X-Sender: <> BODY=8BITMIME RET=FULL\r\nX-Receiver: <"odd>one"@remote.example> NOTIFY=NEVER\r\nX-Receiver: <b@x.example>\r\nX-EndOfInjectedXHeaders: ${Buffer.byteLength(source)}\r\n${source}`,
  );
});

test('a source that breaks off is never written as if it were whole', async () => {
  const broken = message({
    open: async function* () {
      yield Buffer.from(source.slice(0, 700));
      throw new Error('the store went away');
    },
  });
  for (const writer of Object.values(fileWriters)) {
    await expect(writer.write(broken, async () => memorySpool())).rejects.toThrow('the store went away');
  }
});
