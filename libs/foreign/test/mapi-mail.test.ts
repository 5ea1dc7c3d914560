import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { context, entryOf, limits, sample, summary, translated } from './dialect-support.ts';
import { appointment, recipient, sender, silo } from './mapi-samples.ts';
import { storedRtf, type Written, type WrittenByName, type WrittenMessage } from './mapi-values.ts';
import { writeMsg } from './msg-writer.ts';
import { writeTnef } from './tnef-writer.ts';

const meeting = '6ed8da90-450b-101b-98da-00aa003f1305';
const both = [
  ['msg', fileDialects.msg, writeMsg],
  ['tnef', fileDialects.tnef, writeTnef],
] as const;

const ada = recipient(1, 'Ada', 'ada@corp.example');
const letter = (properties: Written[], more: Partial<WrittenMessage> = {}): WrittenMessage => ({
  properties: [...properties, ...sender, [0x0037_001f, 'Silo 7']],
  recipients: [ada],
  ...more,
});

describe.each(both)('%s', (name, dialect, write) => {
  const mailOf = async (message: WrittenMessage): Promise<string> =>
    translated(dialect, entryOf(dialect.read(write(message), limits)).bytes);
  const readOf = (message: WrittenMessage) => dialect.read(write(message), limits);

  describe('the sample', () => {
    const file = sample(name, `silo.${name}`);
    test('is what the writer of the tests makes', () => {
      expect(write(silo).equals(file)).toBe(true);
    });
    test('has an envelope for everybody in its table', () => {
      expect(summary(dialect.read(file, limits))).toEqual([
        'SMTP:bo@example.net -> SMTP:ada@corp.example SMTP:ben@corp.example GWISE:ACME.PO1.Ed',
      ]);
      expect(entryOf(dialect.read(file, limits)).recipients[0]?.notify).toEqual(['success', 'failure']);
    });
    test('becomes the mail that lies beside it', async () => {
      const expected = readFileSync(path.join(import.meta.dirname, '..', 'samples', name, 'silo.eml'), 'latin1');
      expect(await translated(dialect, file)).toBe(expected);
    });
    test('is read by a program for Internet mail', async () => {
      const mail = await simpleParser(await translated(dialect, file));
      expect(mail).toMatchObject({
        subject: 'Silo 7 überfüllt',
        from: { text: '"Waage 7" <scale7@plant.example>' },
        to: { text: '"Ada Ex" <ada@corp.example>' },
        cc: { text: '"Ben" <ben@corp.example>' },
        text: 'Silo 7 ist überfüllt.\n',
        messageId: '<silo7.42@plant.example>',
        inReplyTo: '<silo7.41@plant.example>',
        references: ['<silo7.40@plant.example>', '<silo7.41@plant.example>'],
      });
      expect(mail.html).toContain('Silo 7 ist überfüllt&nbsp;€ 5 да.');
      expect(mail.headers.get('sender')).toMatchObject({ text: '"Bo Köhler" <bo@example.net>' });
      expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
      expect(mail.attachments.map(({ filename, contentType, size }) => [filename, contentType, size])).toEqual([
        ['waage.png', 'image/png', 8],
        ['log größer.csv', 'text/csv', 10],
        ['the report before.eml', 'message/rfc822', expect.any(Number)],
        ['Chart', 'application/octet-stream', expect.any(Number)],
      ]);
      expect(mail.attachments[0]).toMatchObject({ contentId: '<waage@plant.example>', related: true });
    });
    test('names nobody of a blind copy', async () => {
      expect(await translated(dialect, file)).not.toMatch(/ACME|Ed\b/);
    });
    test('no beginning of it is a shorter message that says nothing of it', async () => {
      const all = await translated(dialect, file);
      for (let size = 0; size < file.length; size += size < 600 ? 1 : 197) {
        const cut = file.subarray(0, size);
        const read = dialect.read(cut, limits);
        if (read.kind === 'reject') continue;
        const text = await translated(dialect, entryOf(read).bytes);
        // Bytes behind the last that counts may be missing.
        const isWhole = text === all;
        expect([size, isWhole || /^X-Foreign-Note: damaged/m.test(text) || !dialect.isComplete(cut, cut, true)]).toEqual([size, true]);
      }
    });
  });

  describe('people', () => {
    test.each<[string, Written[], string]>([
      [
        'of the address book',
        [
          [0x3002_001f, 'EX'],
          [0x3003_001f, '/o=Corp/cn=ada'],
        ],
        'EX:/o=Corp/cn=ada',
      ],
      [
        'of another system',
        [
          [0x3002_001f, 'X400'],
          [0x3003_001f, 'c=XX;a= ;p=Acme;s=Ex'],
        ],
        'X400:c=XX;a= ;p=Acme;s=Ex;',
      ],
      ['without a type', [[0x3003_001f, "'ada@corp.example'"]], 'SMTP:ada@corp.example'],
      ['by search key', [[0x300b_0102, Buffer.from('SMTP:ADA@CORP.EXAMPLE\0')]], 'SMTP:ADA@corp.example'],
      [
        'by entry identity',
        [
          [
            0x0fff_0102,
            Buffer.concat([
              Buffer.from('00000000812b1fa4bea310199d6e00dd010f540200000080', 'hex'),
              Buffer.from('Ada\0SMTP\0ada@corp.example\0', 'utf16le'),
            ]),
          ],
        ],
        'SMTP:ada@corp.example',
      ],
      [
        'by identity in the address book',
        [
          [
            0x0fff_0102,
            Buffer.concat([
              Buffer.from('00000000dca740c8c042101ab4b908002b2fe1820100000000000000', 'hex'),
              Buffer.from('/o=Corp/cn=ada\0'),
            ]),
          ],
        ],
        'EX:/o=Corp/cn=ada',
      ],
    ])('%s', (_name, properties, expected) => {
      expect(entryOf(readOf(letter([], { recipients: [[[0x0c15_0003, 1], ...properties]] }))).recipients).toMatchObject([
        { address: expected },
      ]);
    });
    test('one bad recipient does not hold back the good one', () => {
      const read = entryOf(
        readOf(
          letter([], {
            recipients: [
              [
                [0x0c15_0003, 1],
                [0x3001_001f, 'Nobody'],
              ],
              ada,
            ],
          }),
        ),
      );
      expect(read).toMatchObject({
        recipients: [{ address: 'SMTP:ada@corp.example' }],
        unreadable: [{ text: 'Nobody', where: 'recipient 1', reason: 'has no address' }],
      });
    });
    test('an address of 10 KB is no address', () => {
      const long = recipient(1, 'Long', `${'x'.repeat(10_000)}@corp.example`);
      expect(entryOf(readOf(letter([], { recipients: [long, ada] }))).unreadable).toMatchObject([{ where: 'recipient 1' }]);
    });
    test('who wants no report gets none', () => {
      expect(entryOf(readOf(letter([[0x0c08_000b, false]]))).recipients).toMatchObject([{ notify: 'never' }]);
    });
  });

  describe('text', () => {
    const cyrillic = Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]); // windows-1251
    test('HTML in its code page', async () => {
      const mail = await simpleParser(
        await mailOf(
          letter([
            [0x1013_0102, cyrillic],
            [0x3fde_0003, 1251],
          ]),
        ),
      );
      expect(mail.html).toBe('Привет');
    });
    test('HTML in Japanese for mail, which the library lacks', async () => {
      const bytes = Buffer.from('\u001b$B%5%$%m\u001b(B');
      expect(
        (
          await simpleParser(
            await mailOf(
              letter([
                [0x1013_0102, bytes],
                [0x3fde_0003, 50_220],
              ]),
            ),
          )
        ).html,
      ).toBe('サイロ');
    });
    test('a code page nobody knows: as good as it gets, and said', async () => {
      const text = await mailOf(
        letter([
          [0x1013_0102, Buffer.from('grün')],
          [0x3fde_0003, 99_999],
        ]),
      );
      expect((await simpleParser(text)).html).toBe('grün\n');
      expect(text).toMatch(/^X-Foreign-Note: code page 99999 /m);
    });
    test('RTF that holds plain text', async () => {
      const rtf = storedRtf(String.raw`{\rtf1\ansi\ansicpg1251\fromtext {\fonttbl{\f0 x;}}\f0 \'cf\'f0\'e8\'e2\'e5\'f2\par 2}`);
      const mail = await simpleParser(await mailOf(letter([[0x1009_0102, rtf]])));
      expect(mail).toMatchObject({ text: 'Привет\n2', html: false, attachments: [] });
    });
    test('RTF that was written as such goes along', async () => {
      const rtf = String.raw`{\rtf1\ansi{\info{\title x}}{\b Silo} 7\line{\*\unknown gone}{\pict 00ff}\tab 98 \u-10179?\u-8694?}`;
      const mail = await simpleParser(await mailOf(letter([[0x1009_0102, storedRtf(rtf)]])));
      expect(mail.text?.trimEnd()).toBe('Silo 7\n\t98 😊');
      expect(mail.attachments).toMatchObject([{ filename: 'message.rtf', content: Buffer.from(rtf) }]);
    });
    test('RTF that is damaged goes along as it is, and is said', async () => {
      const text = await mailOf(
        letter([
          [0x1009_0102, Buffer.from('junk that is long enough')],
          [0x1000_001f, 'plain'],
        ]),
      );
      const mail = await simpleParser(text);
      expect(mail.attachments).toMatchObject([{ filename: 'message.rtf.lzfu' }]);
      expect(mail.text?.trimEnd()).toBe('plain');
      expect(text).toMatch(/^X-Foreign-Note: the RTF text is in no known compression/m);
    });
    test('RTF that would become too large is refused', () => {
      const bomb = storedRtf('{}');
      bomb.writeUInt32LE(500_000_000, 4);
      expect(summary(readOf(letter([[0x1009_0102, bomb]]))).join()).toMatch(/^decode-bomb: its RTF text says it is 500000000 bytes large/);
    });
    test('line ends in fields are no line ends', async () => {
      const text = await mailOf(
        letter([
          [0x0070_001f, 'a\r\nBcc: all@corp.example'],
          [0x1035_001f, '<a@b>\r\nX-Bad: 1'],
        ]),
      );
      expect(text).not.toMatch(/^(?:Bcc|X-Bad):/m);
      expect(text).toMatch(/^Thread-Topic: a Bcc: all@corp.example\r$/m);
    });
    test('is the same when it is made again', async () => {
      expect(await mailOf(silo)).toBe(await mailOf(silo));
    });
  });

  describe('attachments', () => {
    const attached = async (...properties: Written[]) =>
      (await simpleParser(await mailOf(letter([], { attachments: [{ properties }] })))).attachments;
    test.each([
      ['..\\..\\AUTOEXEC.BAT', 'AUTOEXEC.BAT'],
      ['C:\\Windows\\x.exe', 'x.exe'],
      ['/etc/passwd', 'passwd'],
      ['a\r\nb.txt', 'ab.txt'],
      ['..', 'attachment-1'],
    ])('the name %j is %j', async (written, shown) => {
      expect(await attached([0x3707_001f, written], [0x3701_0102, Buffer.from('x')])).toMatchObject([{ filename: shown }]);
    });
    test('that claim a structure have none', async () => {
      expect(await attached([0x370e_001f, 'multipart/mixed'], [0x3701_0102, Buffer.from('x')])).toMatchObject([
        { contentType: 'application/octet-stream' },
      ]);
    });
    test('that only point somewhere are told', async () => {
      const text = await mailOf(
        letter([], {
          attachments: [
            {
              properties: [
                [0x3705_0003, 4],
                [0x370d_001f, '\\\\server\\share\\log.csv'],
              ],
            },
          ],
        }),
      );
      expect(text).toMatch(/^X-Foreign-Attachment-Link: \\\\server\\share\\log.csv\r$/m);
    });
    test.each([0, 1, 56, 57, 58, 511, 512, 513, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537])(
      'of %d bytes are the same bytes',
      async (size) => {
        const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) % 256));
        const [found] = await attached([0x3705_0003, 1], [0x3707_001f, 'x.bin'], [0x3701_0102, bytes]);
        expect(found === undefined ? size : Buffer.compare(found.content, bytes)).toBe(0);
      },
    );
    test('messages in messages are five deep at most', async () => {
      const nested = (depth: number): WrittenMessage => ({
        ...letter([]),
        attachments: depth === 0 ? [] : [{ properties: [[0x3705_0003, 5]], message: nested(depth - 1) }],
      });
      expect((await mailOf(nested(5))).match(/^Content-Type: message\/rfc822/gm)?.length).toBe(5);
      expect(summary(readOf(nested(6))).join()).toMatch(/^nested-too-deep: /);
    });
  });

  describe('the header it came with', () => {
    const header = [
      'Received: from a by b; Mon, 5 Oct 2026 08:00:00 +0200',
      'DKIM-Signature: v=1; b=x',
      'From: "Ada" <ada@elsewhere.example>',
      'Subject: =?utf-8?q?from_the_header?=',
      'Subject: a second one',
      'Date: Mon, 5 Oct 2026 08:00:00 +0200',
      'List-Id: <silo.example>',
      'Bcc: ed@corp.example',
      'Content-Type: multipart/mixed; boundary=old',
      'X-Grün: not ascii',
    ].join('\r\n');
    test('wins, without what is no longer so', async () => {
      const text = await mailOf(
        letter([
          [0x007d_001f, `Microsoft Mail Internet Headers Version 2.0\r\n${header}\r\n\r\n`],
          [0x0017_0003, 2],
        ]),
      );
      const end = text.indexOf('\r\n\r\n');
      expect(text.slice(0, end + 2)).toBe(
        [
          'X-Foreign-Received: from a by b; Mon, 5 Oct 2026 08:00:00 +0200',
          'X-Foreign-DKIM-Signature: v=1; b=x',
          'From: "Ada" <ada@elsewhere.example>',
          'Subject: =?utf-8?q?from_the_header?=',
          'Date: Mon, 5 Oct 2026 08:00:00 +0200',
          'List-Id: <silo.example>',
          'Importance: high',
          'To: Ada <ada@corp.example>',
          `Message-ID: <${context.rootId}@ex1.corp.example>`,
          'MIME-Version: 1.0',
          'Content-Type: text/plain',
          '',
        ].join('\r\n'),
      );
    });
    test('may be no header', async () => {
      expect(await mailOf(letter([[0x007d_001f, 'junk without end']]))).toMatch(/^From: /);
    });
  });

  describe('reports', () => {
    const failed: Written[] = [
      ...ada.slice(1),
      [0x0c15_0003, 1],
      [0x0c04_0003, 1],
      [0x0c05_0003, 0],
      [0x0c1b_001f, '<mx.example #5.1.1 smtp;550 no such user>'],
    ];
    const bo: Written[] = [
      [0x0040_001f, 'Bo'],
      [0x0075_001f, 'SMTP'],
      [0x0076_001f, 'bo@example.net'],
    ];
    test('of a failure', async () => {
      const message = {
        properties: [[0x001a_001f, 'REPORT.IPM.Note.NDR'], ...bo, [0x1001_001f, 'It failed.']],
        recipients: [failed],
      } as const;
      expect(summary(readOf(message))).toEqual(['<> -> SMTP:bo@example.net']);
      expect(entryOf(readOf(message)).recipients).toMatchObject([{ notify: 'never' }]);
      const text = await mailOf(message);
      expect(text).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status;/m);
      expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
      expect(text).toMatch(/^From: postmaster@ex1.corp.example\r$/m);
      expect(text).toContain(
        'Final-Recipient: rfc822;ada@corp.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: x-foreign; <mx.example',
      );
      expect((await simpleParser(text)).text).toContain('It failed.');
    });
    test('of a receipt', async () => {
      const text = await mailOf({
        properties: [[0x001a_001f, 'REPORT.IPM.Note.IPNRN'], ...sender, ...bo, [0x1046_001f, '<silo7.42@plant.example>']],
        recipients: [],
      });
      expect(text).toMatch(/^Content-Type: multipart\/report; report-type=disposition-notification;/m);
      expect(text).toContain(
        'Final-Recipient: rfc822;bo@example.net\r\nOriginal-Message-ID: <silo7.42@plant.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n',
      );
    });
  });

  describe('meetings', () => {
    const named: WrittenByName[] = [
      [appointment, 0x820d, 0x40, new Date('2026-10-06T08:00:00Z')],
      [appointment, 0x820e, 0x40, new Date('2026-10-06T09:30:00Z')],
      [appointment, 0x8208, 0x1f, 'Halle 3, Süd'],
      [meeting, 0x23, 0x102, Buffer.from('040000008200e00074c5b7101a82e008', 'hex')],
    ];
    test('asked for', async () => {
      const text = await mailOf(letter([[0x001a_001f, 'IPM.Schedule.Meeting.Request']], { named }));
      const part = (await simpleParser(text)).attachments.find(({ contentType }) => contentType === 'text/calendar')?.content.toString();
      expect(text).toMatch(/^Content-Type: text\/calendar; charset=utf-8; method=REQUEST\r$/m);
      expect(part?.replaceAll('\r\n ', '')).toBe(
        [
          'BEGIN:VCALENDAR',
          'PRODID:-//Mailrail//EN',
          'VERSION:2.0',
          'METHOD:REQUEST',
          'BEGIN:VEVENT',
          'UID:040000008200E00074C5B7101A82E008',
          'DTSTAMP:20261005T060000Z',
          'DTSTART:20261006T080000Z',
          'DTEND:20261006T093000Z',
          'SEQUENCE:0',
          'SUMMARY:Silo 7',
          'LOCATION:Halle 3\\, Süd',
          'ORGANIZER;CN="Bo Köhler":mailto:bo@example.net',
          'ATTENDEE;CN="Ada";RSVP=TRUE:mailto:ada@corp.example',
          'END:VEVENT',
          'END:VCALENDAR',
          '',
        ].join('\r\n'),
      );
    });
    test('answered', async () => {
      const text = await mailOf(letter([[0x001a_001f, 'IPM.Schedule.Meeting.Resp.Neg']], { named }));
      const part = (await simpleParser(text)).attachments[0]?.content.toString().replaceAll('\r\n ', '');
      expect(part).toContain('METHOD:REPLY\r\n');
      expect(part).toContain('ATTENDEE;CN="Bo Köhler";PARTSTAT=DECLINED:mailto:bo@example.net\r\n');
      expect(part).toContain('ORGANIZER;CN="Ada":mailto:ada@corp.example\r\n');
    });
    test('of a series: the first, and a note', async () => {
      const series = [...named, [appointment, 0x8223, 0x0b, true] as const];
      expect(await mailOf(letter([[0x001a_001f, 'IPM.Schedule.Meeting.Request']], { named: series }))).toMatch(
        /^X-Foreign-Note: the meeting is one of/m,
      );
    });
    test('without a time: a letter', async () => {
      expect(await mailOf(letter([[0x001a_001f, 'IPM.Schedule.Meeting.Canceled']]))).not.toContain('text/calendar');
    });
  });

  test('what is no letter goes along whole', async () => {
    const file = write(letter([[0x001a_001f, 'IPM.Task']]));
    const text = await translated(dialect, file);
    expect(text).toMatch(/^X-Foreign-Class: IPM.TASK\r$/m);
    expect((await simpleParser(text)).attachments.at(-1)?.content.equals(file)).toBe(true);
  });

  test.each<[string, WrittenMessage, RegExp]>([
    ['nobody sent', { properties: [[0x0037_001f, 'x']], recipients: [ada] }, /^envelope: nobody to answer to: the sender has no address/],
    ['nobody is to get', letter([], { recipients: [] }), /^envelope: nobody to send it to/],
    ['was never sent', letter([[0x0e07_0003, 8]]), /^unsupported-type: this is a draft/],
    ['has too many recipients', letter([], { recipients: Array.from({ length: 101 }, () => ada) }), /^too-many-recipients: more than 100/],
    [
      'has too many attachments',
      letter([], { attachments: Array.from({ length: 2_001 }, () => ({ properties: [] })) }),
      /^too-large: more than 2000 attachments/,
    ],
  ])('a message that %s is refused', (_name, message, expected) => {
    expect(summary(readOf(message)).join()).toMatch(expected);
  });
});
