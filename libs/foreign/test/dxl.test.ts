import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, sample, summary, translated } from './dialect-support.ts';

const { dxl } = fileDialects;
const file = sample('dxl', 'memo.dxl');
const item = (name: string, ...values: string[]) => `<item name='${name}'>${values.map((one) => `<text>${one}</text>`).join('')}</item>`;
const memo = (...more: string[]) =>
  Buffer.from(
    `<document xmlns='http://www.lotus.com/dxl' form='Memo'><noteinfo unid='1'/>${item('From', 'CN=A/O=X')}${item('SendTo', 'b@y.example')}${more.join('')}</document>`,
  );
const isComplete = (bytes: Buffer) => dxl.isComplete(bytes.subarray(0, 4_096), bytes.subarray(-4_096), bytes.length <= 4_096);

describe('the sample', () => {
  test('has two messages', () => {
    const read = dxl.read(file, limits);
    expect(summary(read)).toEqual([
      'NOTES:Ada Ex/Ops/Acme -> SMTP:bo@example.net NOTES:Cy Ex/Ops/Acme@ACMEDOM SMTP:di@example.org SMTP:ed@example.org',
      'SMTP:ada.ex@acme.example -> SMTP:bo@example.net',
    ]);
    expect(entryOf(read).recipients[0]).toMatchObject({ notify: ['success', 'failure'], where: 'SendTo' });
  });
  test('one of items becomes an Internet message, and the blind copy is not in it', async () => {
    const text = await translated(dxl, entryOf(dxl.read(file, limits)).bytes);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt',
      text: 'Bitte prüfen, siehe Stand <https://silo.example/7>.\n07:01\t98\t\n[log.csv]\n',
      from: { text: '"Ada Ex" <IMCEANOTES-Ada+20Ex_Ops_Acme@corp.example>' },
      to: { text: 'bo@example.net, "Cy Ex" <IMCEANOTES-Cy+20Ex_Ops_Acme+40ACMEDOM@corp.example>' },
      cc: { text: 'di@example.org' },
      messageId: '<OF1.2@acme.example>',
      inReplyTo: '<w7.41@plant.example.org>',
      attachments: [{ filename: 'log.csv', contentType: 'text/csv', content: Buffer.from('07:01,98\r\n') }],
    });
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    for (const field of [
      'Importance: high',
      'Priority: urgent',
      'Disposition-Notification-To: IMCEANOTES-Ada+20Ex_Ops_Acme@corp.example',
      'X-Foreign-ID: 0F1E2D3C4B5A69788796A5B4C3D2E1F0',
      'X-Foreign-Categories: Silos',
    ]) {
      expect(`\r\n${text}`).toContain(`\r\n${field}\r\n`);
    }
    expect(text).not.toContain('ed@example.org');
  });
  test('one in MIME passes as it is, but for the blind copy', async () => {
    const text = await translated(dxl, entryOf(dxl.read(file, limits), 1).bytes);
    expect(text).toBe(
      'From: Ada Ex <ada.ex@acme.example>\r\nTo: bo@example.net\r\nSubject: as mail has it\r\nMessage-ID: <OF1.3@acme.example>\r\nDate: Mon, 5 Oct 2026 08:00:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSilo 7 überfüllt.\r\n',
    );
  });
  test('every beginning of it is unfinished, and never a shorter message', () => {
    for (let size = 0; size < file.length - 1; size += 1) {
      const cut = file.subarray(0, size);
      expect([size, isComplete(cut), dxl.read(cut, limits).kind]).toEqual([size, false, 'reject']);
    }
    expect(isComplete(file)).toBe(true);
  });
});

describe('addresses', () => {
  test.each([
    ['ada@x.example', 'SMTP:ada@x.example'],
    ['Ada Ex &lt;ada@x.example&gt;', 'SMTP:ada@x.example'],
    ['ada@x.example@ACMEDOM', 'SMTP:ada@x.example'],
    ['CN=Ada Ex/OU=Ops/O=Acme', 'NOTES:Ada Ex/Ops/Acme'],
    ['Ada Ex', 'NOTES:Ada Ex'],
    ['Ada Ex @ ACMEDOM', 'NOTES:Ada Ex@ACMEDOM'],
    ['FAX:+49 30 5550100', 'FAX:+49 30 5550100'],
    ['"Ex, Ada" &lt;ada@x.example&gt;, bo@x.example', 'SMTP:ada@x.example SMTP:bo@x.example'],
  ])('%s', (written, expected) => {
    expect(summary(dxl.read(memo(item('CopyTo', written)), limits))).toEqual([`NOTES:A/X -> SMTP:b@y.example ${expected}`]);
  });
  test('Recipients is the envelope where it is there, and everybody is in it once', () => {
    expect(summary(dxl.read(memo(item('Recipients', 'c@y.example', 'c@y.example')), limits))).toEqual(['NOTES:A/X -> SMTP:c@y.example']);
  });
  test('a bad recipient does not hold back the good one', () => {
    expect(entryOf(dxl.read(memo(item('CopyTo', 'a/b/c/d/e/f/g/h')), limits))).toMatchObject({
      recipients: [{ address: 'SMTP:b@y.example' }],
      unreadable: [{ text: 'a/b/c/d/e/f/g/h', where: 'CopyTo' }],
    });
  });
});

describe('what else a document says', () => {
  const field = async (name: string, ...more: string[]) =>
    new RegExp(`^${name}: (.*)\r$`, 'im').exec(await translated(dxl, memo(...more)))?.[1];
  test.each([
    ['Date', item('PostedDate', '20261005T080000,00-0530'), 'Mon, 05 Oct 2026 13:30:00 +0000'],
    ['Date', item('PostedDate', '20261005T080000,00'), 'Mon, 05 Oct 2026 08:00:00 +0000'],
    ['X-Foreign-PostedDate', item('PostedDate', '20261005T080000,00'), '20261005T080000,00'],
    ['Date', item('PostedDate', '20260231T080000,00Z'), 'Mon, 05 Oct 2026 06:00:00 +0000'],
    ['Importance', item('Importance', '3'), 'low'],
    ['Priority', item('DeliveryPriority', 'L'), 'non-urgent'],
    ['Sensitivity', item('$KeepPrivate', '1'), 'Private'],
    ['Sender', item('Principal', 'CN=Boss/O=X'), 'A <IMCEANOTES-A_X@corp.example>'],
    ['From', item('Principal', 'CN=Boss/O=X'), 'Boss <IMCEANOTES-Boss_X@corp.example>'],
    ['Reply-To', item('ReplyTo', 'c@y.example'), 'c@y.example'],
    ['X-Foreign-Sign', item('Sign', '1'), '1'],
    ['Subject', item('Subject', 'one&#10;Bcc: two'), 'one Bcc: two'],
    ['X-Foreign-Bcc', item('X-Bcc', 'e@y.example'), undefined],
  ])('%s of %s', async (name, more, expected) => {
    expect(await field(name, more)).toBe(expected);
  });
  test('a report is from nobody, and says that a program sent it', async () => {
    const bytes = Buffer.from(memo().toString().replace("form='Memo'", "form='NonDelivery Report'"));
    const entry = entryOf(dxl.read(bytes, limits));
    expect(entry.sender).toBeNull();
    expect(await translated(dxl, entry.bytes)).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  });
  test('a name of an attachment is never a path', async () => {
    const attached = memo(
      `<item name='$FILE'><object><file name='C:\\temp\\..\\a.txt' compression='lz1'><filedata>eA==</filedata></file></object></item>`,
    );
    const text = await translated(dxl, attached);
    expect((await simpleParser(text)).attachments).toMatchObject([{ filename: 'a.txt', content: Buffer.from('x') }]);
    expect(text).toContain('X-Foreign-Compression: C:\\temp\\..\\a.txt lz1\r\n');
  });
});

test('large attachments come through whole, with letters of more than a byte before and behind them', async () => {
  const contents = [Buffer.alloc(300_001, 'a\u00fc'), Buffer.alloc(131_072, 7)];
  const files = contents.map(
    (one, at) =>
      `<item name='$FILE'><file name='\u00fc${at}'><filedata>\n${one.toString('base64').replaceAll(/.{76}/g, '$&\n')}</filedata></file></item>`,
  );
  const mail = await simpleParser(
    await translated(dxl, memo(item('Subject', 'pr\u00fcfen'), files[0] ?? '', item('X', '\u{1f4e8}'), files[1] ?? '')),
  );
  expect(mail.attachments.map(({ filename }) => filename)).toEqual(['\u00fc0', '\u00fc1']);
  expect(mail.attachments.every(({ content }, at) => content.equals(contents[at] ?? Buffer.alloc(0)))).toBe(true);
});

describe('bad input', () => {
  const laughs = `<!DOCTYPE document [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>`;
  test.each([
    ['another format', Buffer.from('From: a@x.example\r\n\r\nhi'), /^unrecognised/],
    ['other XML', Buffer.from('<html xmlns="http://www.lotus.com/dxl"/>'), /^unrecognised: this is no Notes export: its first element/],
    ['no document', Buffer.from("<database xmlns='http://www.lotus.com/dxl'></database>"), /^unrecognised: there is no document/],
    ['cut in the middle', memo().subarray(0, -20), /^incomplete-timeout/],
    ['a bomb of entities', Buffer.from(`${laughs}${memo('&b;').toString()}`), /^(?:unrecognised|syntax)/],
    ['an entity', memo(item('Subject', '&b;')), /^syntax: it is not well-formed XML: Invalid character entity/],
    [
      'an entity of a file',
      Buffer.from(`<!DOCTYPE document [<!ENTITY x SYSTEM "file:///etc/passwd">]>${memo(item('Subject', '&x;')).toString()}`),
      /^syntax: it declares/,
    ],
    ['elements that cross', memo('<a><b></a></b>'), /^syntax: it is not well-formed/],
    ['a tower of elements', memo('<a>'.repeat(200_000)), /^nested-too-deep: more than 100/],
    ['a document in a document', memo(memo().toString()), /^syntax: a document stands inside another/],
    [
      'a million items',
      memo(Array.from({ length: 1_000_000 }, (_, index) => `<item name='${index}'/>`).join('')),
      /^too-large: more than 5000 items/,
    ],
    [
      'a million values',
      memo(`<item name='SendTo'>${'<text>a@x.example</text>'.repeat(1_000_000)}</item>`),
      /^too-large: more than 5000 values/,
    ],
    ['latin1', Buffer.from(memo(item('Subject', 'über')).toString(), 'latin1'), /^charset: it is not in UTF-8/],
    [
      'a calendar entry',
      Buffer.from(memo().toString().replace('Memo', 'Appointment')),
      /^bad unsupported-type: documents of the form "Appointment"/,
    ],
    ['an encrypted letter', memo(item('$SealData', 'x')), /^bad unsupported-type: it is encrypted/],
    [
      'a body of another form',
      memo("<item name='Body'><rawitemdata type='19'>AA==</rawitemdata></item>"),
      /^bad unsupported-type: .*MIMEOption 0/,
    ],
    [
      'an attachment that is no base64',
      memo("<item name='$FILE'><file name='a'><filedata>a*b</filedata></file></item>"),
      /^bad syntax: the attachment 1/,
    ],
    [
      'an attachment that is cut',
      memo("<item name='$FILE'><file name='a'><filedata>eHh</filedata></file></item>"),
      /^bad syntax: the attachment 1/,
    ],
    ['nobody to send it to', Buffer.from(memo().toString().replace('b@y.example', '')), /^bad envelope: nobody to send it to/],
    ['nobody to answer to', Buffer.from(memo().toString().replace('CN=A/O=X', '')), /^bad envelope: nobody to answer to/],
    [
      'an address of 10 KB',
      Buffer.from(
        memo()
          .toString()
          .replace('b@y', `${'b'.repeat(10_000)}@y`),
      ),
      /^bad envelope: no recipient is left/,
    ],
    [
      'too many recipients',
      memo(`<item name='CopyTo'>${Array.from({ length: 101 }, (_, index) => `<text>a${index}@x.example</text>`).join('')}</item>`),
      /^bad too-many-recipients/,
    ],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(dxl.read(bytes, limits)).join()).toMatch(expected);
  });
  test('a document that is no mail does not hold back the one that is', () => {
    const database = `<database xmlns='http://www.lotus.com/dxl'>${memo().toString().replace('Memo', 'Task')}${memo().toString()}</database>`;
    expect(summary(dxl.read(Buffer.from(database), limits))).toEqual([
      expect.stringMatching(/^bad unsupported-type/),
      'NOTES:A/X -> SMTP:b@y.example',
    ]);
  });
});
