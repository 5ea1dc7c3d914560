import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Headers, simpleParser } from 'mailparser';
import { buildReport, quotedPrintable, type ReportInput, readHeaderBlock, unstructured } from '../src/index.ts';

const at = Date.parse('2026-11-23T10:00:00Z');
const head = Buffer.from(
  'Received: from a.example\r\n\tby mx1.corp.example; Mon, 23 Nov 2026 09:59:59 +0000\r\nFrom: Ada <ada@a.example>\r\nSubject: Silo 7\r\n' +
    'Date: Mon, 23 Nov 2026 09:59:58 +0000\r\nMessage-ID: <silo@a.example>\r\n\r\nIt is full.\r\n',
);
const input: ReportInput = {
  id: '0190a8c2-5b6e-5d8f-9a4b-2f1c3d4e5f60',
  at,
  hostname: 'mx1.corp.example',
  postmaster: 'postmaster@corp.example',
  to: 'SMTP:ada@a.example',
  action: 'failed',
  recipients: [{ address: 'SMTP:nobody@corp.example', status: '5.1.1', reason: 'no entry has this address' }],
  arrivedAt: at - 1_000,
  original: { head, whole: false, body: '7bit', smtputf8: false },
};

/** The report as it goes out, the original's bytes between head and tail. */
function whole(report: ReturnType<typeof buildReport>, original: Uint8Array = head): Buffer {
  return Buffer.concat(report.enclosesWhole ? [report.head, original, report.tail] : [report.head, report.tail]);
}

/** The MIME parts by a parser that is not ours: type and decoded text. */
async function partsOf(
  bytes: Buffer,
): Promise<{ headers: Headers; subject: string; from: string; to: string; parts: { type: string; text: string }[] }> {
  const mail = await simpleParser(bytes, { keepDeliveryStatus: true, skipHtmlToText: true });
  return {
    headers: mail.headers,
    subject: mail.subject ?? '',
    from: mail.from?.text ?? '',
    to: [mail.to ?? []]
      .flat()
      .map((one) => one.text)
      .join(),
    parts: [
      { type: 'text/plain', text: mail.text ?? '' },
      ...mail.attachments.map((one) => ({ type: one.contentType, text: one.content.toString() })),
    ],
  };
}

describe('a report, read by another parser', () => {
  test('failed: headers, three parts', async () => {
    const report = buildReport(input);
    const mail = await partsOf(whole(report));
    expect(report).toMatchObject({ enclosesWhole: false, body: '7bit', smtputf8: false, messageId: `<${input.id}@mx1.corp.example>` });
    expect(mail.subject).toBe('Undeliverable: Silo 7');
    expect(mail.from).toBe('"Mail Delivery System" <postmaster@corp.example>');
    expect(mail.to).toBe('ada@a.example');
    expect(mail.headers.get('auto-submitted')).toBe('auto-replied');
    expect(mail.headers.get('in-reply-to')).toBe('<silo@a.example>');
    expect(mail.headers.get('mime-version')).toBe('1.0');
    expect(mail.headers.get('date')).toEqual(new Date(at));
    expect(mail.headers.get('content-type')).toMatchObject({ value: 'multipart/report', params: { 'report-type': 'delivery-status' } });
    expect(mail.parts.map((part) => part.type)).toEqual(['text/plain', 'message/delivery-status', 'text/rfc822-headers']);
    const [text, status, header] = mail.parts;
    expect(text?.text).toContain(
      'Your message "Silo 7" of Mon, 23 Nov 2026 09:59:58 +0000\ncould not be delivered to:\n\n  nobody@corp.example\n',
    );
    expect(text?.text).toContain('There is no mailbox with this address. (5.1.1)');
    expect(text?.text).toContain('What to do: Check the spelling');
    expect(status?.text).toBe(
      [
        'Reporting-MTA: dns; mx1.corp.example',
        'Arrival-Date: Mon, 23 Nov 2026 09:59:59 +0000',
        '',
        'Final-Recipient: rfc822;nobody@corp.example',
        'Action: failed',
        'Status: 5.1.1',
        'Diagnostic-Code: x-mailrail; no entry has this address',
        'Last-Attempt-Date: Mon, 23 Nov 2026 10:00:00 +0000',
        '',
      ].join('\r\n'),
    );
    expect(header?.text).toBe(head.subarray(0, head.indexOf('\r\n\r\n') + 2).toString());
  });

  test('ENVID, ORCPT, the remote and its answer', async () => {
    const report = buildReport({
      ...input,
      envid: 'W7-0042',
      recipients: [
        {
          address: 'SMTP:ben@corp.example',
          orcpt: 'rfc822;Ben@old.example',
          status: '5.2.2',
          reason: 'refused',
          remote: { mta: 'mx.remote.example:25', reply: '552 5.2.2 full\r\nX-Bad: 1' },
        },
        { address: 'X400:c=us;a= ;p=Corp', status: '5.4.4', reason: 'no route' },
      ],
    });
    const { parts } = await partsOf(whole(report));
    const status = parts[1]?.text ?? '';
    expect(status).toContain('Original-Envelope-Id: W7-0042\r\n');
    expect(status).toContain('\r\n\r\nOriginal-Recipient: rfc822;Ben@old.example\r\nFinal-Recipient: rfc822;ben@corp.example\r\n');
    expect(status).toContain('Remote-MTA: dns; mx.remote.example\r\nDiagnostic-Code: smtp; 552 5.2.2 full X-Bad: 1\r\n');
    expect(status).toContain('\r\n\r\nFinal-Recipient: x400;c=us;a= ;p=Corp\r\n');
    expect(parts[0]?.text).toContain('mx.remote.example:25 answered: 552 5.2.2 full X-Bad: 1');
  });

  test('delayed: until when it is tried, nothing to do', async () => {
    const report = buildReport({ ...input, action: 'delayed', retryUntil: at + 3_600_000, recipients: [{ ...nobody(), status: '4.4.1' }] });
    const mail = await partsOf(whole(report));
    expect(mail.subject).toBe('Delayed: Silo 7');
    expect(mail.parts[0]?.text).toContain('You need not send it again.\nDelivery is tried again until Mon, 23 Nov 2026 11:00:00 +0000.');
    expect(mail.parts[0]?.text).not.toContain('What to do');
    expect(mail.parts[1]?.text).toContain('Action: delayed\r\nStatus: 4.4.1\r\n');
    expect(mail.parts[1]?.text).toContain('Will-Retry-Until: Mon, 23 Nov 2026 11:00:00 +0000\r\n');
  });

  test.each(['delivered', 'relayed', 'expanded'] as const)('%s', async (action) => {
    const mail = await partsOf(whole(buildReport({ ...input, action, recipients: [{ ...nobody(), status: '2.0.0' }] })));
    expect(mail.parts[1]?.text).toContain(`Action: ${action}\r\nStatus: 2.0.0\r\n`);
    expect(mail.parts[1]?.text).not.toContain('Will-Retry-Until');
  });

  test('the whole original, byte for byte', () => {
    const original = Buffer.concat([head, Buffer.from('\xe4\r\nlast line without an end', 'latin1')]);
    const report = buildReport({ ...input, original: { head, whole: true, body: '8bit', smtputf8: false } });
    expect(report).toMatchObject({ enclosesWhole: true, body: '8bit' });
    const bytes = whole(report, original);
    const at =
      bytes.indexOf('Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n') +
      'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'.length;
    expect(bytes.subarray(at, at + original.length).equals(original)).toBe(true);
    expect(bytes.subarray(at + original.length).toString()).toBe(`\r\n--=_${input.id.replaceAll('-', '')}--\r\n`);
  });

  test('a binary original is not enclosed', () => {
    const report = buildReport({ ...input, original: { head, whole: true, body: 'binary', smtputf8: false } });
    expect(report).toMatchObject({ enclosesWhole: false, body: '7bit' });
  });

  test('the original is gone', async () => {
    const { original: _gone, ...rest } = input;
    const mail = await partsOf(whole(buildReport(rest)));
    expect(mail.subject).toBe('Undeliverable: (no subject)');
    expect(mail.parts.map((part) => part.type)).toEqual(['text/plain', 'message/delivery-status']);
    expect(mail.parts[0]?.text).toContain('The message itself is no longer here.');
    expect(mail.headers.has('in-reply-to')).toBe(false);
  });

  test('many recipients: the text names some, the status part all', async () => {
    const recipients = Array.from({ length: 100 }, (_, i) => ({ ...nobody(), address: `SMTP:n${i}@corp.example` }));
    const { parts } = await partsOf(whole(buildReport({ ...input, recipients })));
    expect(parts[0]?.text).toContain('and 80 more, named in the second part');
    expect(parts[1]?.text.match(/^Final-Recipient:/gm)).toHaveLength(100);
  });
});

describe('beyond ASCII', () => {
  test('8-bit header of a 7-bit mail system: quoted-printable', async () => {
    const eight = Buffer.from('Subject: Gr\xfc\xdfe\r\nX-Long: ', 'latin1');
    const report = buildReport({
      ...input,
      original: { head: Buffer.concat([eight, Buffer.from(`${'x'.repeat(2_000)}\r\n\r\n`)]), whole: false, body: '8bit', smtputf8: false },
    });
    const bytes = whole(report);
    expect(report.body).toBe('7bit');
    expect(isPlain(bytes)).toBe(true);
    expect((await partsOf(bytes)).subject).toBe('Undeliverable: Grüße');
  });

  test('encoded words in the subject stay whole', async () => {
    const subject = Array.from({ length: 12 }, () => '=?iso-8859-1?Q?Gr=FC=DFe_aus?=').join(' ');
    const bytes = whole(
      buildReport({
        ...input,
        original: { head: Buffer.from(`Subject: ${subject}\r\n\r\n`), whole: false, body: '7bit', smtputf8: false },
      }),
    );
    expect((await partsOf(bytes)).subject).toMatch(/^Undeliverable: (Grüße aus)+\.\.\.$/);
    expect((await partsOf(bytes)).parts[0]?.text).toContain('Your message "Grüße aus');
  });

  test('an internationalized recipient and original: 7-bit all the same', () => {
    const report = buildReport({
      ...input,
      recipients: [
        { address: 'SMTP:bücher@corp.example', orcpt: 'rfc822;bücher@corp.example', status: '5.6.7', reason: 'kein SMTPUTF8 für dich' },
      ],
      original: { head: Buffer.from('Subject: Bücher\r\n\r\n'), whole: false, body: '8bit', smtputf8: true },
    });
    const text = whole(report).toString('latin1');
    expect(report.smtputf8).toBe(false);
    expect(isPlain(whole(report))).toBe(true);
    expect(text).toContain('Original-Recipient: utf-8;b\\x{FC}cher@corp.example\r\nFinal-Recipient: utf-8;b\\x{FC}cher@corp.example\r\n');
    expect(text).toContain('Diagnostic-Code: x-mailrail; kein SMTPUTF8 f\\x{FC}r dich\r\n');
    expect(text).toContain('Content-Type: message/global-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n');
  });

  test('an internationalized sender can only be written in UTF-8', async () => {
    const report = buildReport({ ...input, to: 'SMTP:bücher@a.example' });
    expect(report).toMatchObject({ body: '8bit', smtputf8: true });
    expect((await partsOf(whole(report))).to).toBe('bücher@a.example');
  });

  test('a sender in another system by its IMCEA form', async () => {
    expect((await partsOf(whole(buildReport({ ...input, to: 'FAX:+49 30' })))).to).toBe('IMCEAFAX-+2B49+2030@mx1.corp.example');
  });
});

test('the same input makes the same bytes, another id another boundary', () => {
  expect(whole(buildReport(input)).equals(whole(buildReport({ ...input })))).toBe(true);
  const other = buildReport({ ...input, id: '0190a8c2-5b6e-5d8f-9a4b-2f1c3d4e5f61' });
  expect(other.tail.equals(buildReport(input).tail)).toBe(false);
});

test('whatever a remote or the original says, lines are short and the report keeps its fields', () => {
  const foreign = fc.string({ unit: 'binary', maxLength: 1_500 });
  fc.assert(
    fc.property(foreign, foreign, foreign, (reply, subject, orcpt) => {
      const original = {
        head: Buffer.from(`Subject: ${subject}\r\nMessage-ID: ${reply}\r\n\r\n`),
        whole: false,
        body: '7bit' as const,
        smtputf8: false,
      };
      const bytes = whole(
        buildReport({
          ...input,
          original,
          envid: orcpt,
          recipients: [{ ...nobody(), reason: reply, orcpt, remote: { mta: subject, reply } }],
        }),
      );
      expect(isPlain(bytes)).toBe(true);
      const names = readHeaderBlock(bytes).fields.map((field) => field.name);
      const expected = ['From', 'To', 'Subject', 'Date', 'Message-ID', 'Auto-Submitted', 'MIME-Version', 'Content-Type'];
      expect(names.filter((name) => name !== 'In-Reply-To' && name !== 'References')).toEqual(expected);
    }),
  );
});

test('quoted-printable and encoded words', () => {
  expect(quotedPrintable(Buffer.from('a=b \r\nü\t\n'))).toBe('a=3Db=20\r\n=C3=BC=09\r\n');
  expect(
    quotedPrintable(Buffer.from('x'.repeat(100)))
      .split('=\r\n')
      .map((line) => line.length),
  ).toEqual([75, 25]);
  const folded = unstructured('ü'.repeat(100), 9);
  for (const line of folded.split('\r\n ')) expect(line.length).toBeLessThanOrEqual(75);
  expect(unstructured('plain words', 9)).toBe('plain words');
  expect(unstructured('looks like =?utf-8?q?a?=', 9)).toMatch(/^=\?utf-8\?B\?/);
});

function nobody() {
  return { address: 'SMTP:nobody@corp.example', status: '5.1.1', reason: 'no entry has this address' };
}

/** ASCII, CRLF line ends, no line over 998. */
function isPlain(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  return /^[\t\r\n -~]*$/.test(text) && !/\r(?!\n)|(?<!\r)\n/.test(text) && text.split('\r\n').every((line) => line.length <= 998);
}
