import type { FileDialectName } from '../src/index.ts';
import { lines } from './dialect-support.ts';

/** A file that is wrong in one way, and how it must end: `delivered`, with a note or a recipient left out, or `BAD` with its class. */
export interface BadFile {
  dialect: FileDialectName;
  what: string;
  file: () => Buffer;
  ends: RegExp;
}

const delivered = /^delivered/;
const injected = 'a\r\nInjected: b';
const raw = Buffer.from([0x80, 0x81, 0xfe, 0xff, 0xc3, 0x28]);
const tower = (depth: number): string =>
  Array.from({ length: depth }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n`).join('');
const bytes = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));

const bsmtp = (...content: (string | Buffer)[]) =>
  bytes('MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n', ...content, '\r\n.\r\nQUIT\r\n');
const sgw = (...content: (string | Buffer)[]) =>
  bytes('X-Tnef-Attach:\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA:\r\nFrom: a@x.example\r\n', ...content);
const gwapi = (...more: string[]) =>
  bytes('WPC-API= 1.2;\r\nFrom= A.B.c;\r\nTo= X.Y.z;\r\nMsg-Id= 7;\r\n', more.map((one) => `${one}\r\n`).join(''), '-END-\r\n');
const ffapi = (...more: string[]) => lines('VERSION:3.00', 'FROM:A/B/C', 'TO:D/E/F', ...more);
const dxl = (...items: string[]) =>
  bytes(
    "<document xmlns='http://www.lotus.com/dxl' form='Memo'><item name='From'><text>CN=A/O=X</text></item><item name='SendTo'><text>b@y.example</text></item>",
    ...items,
    '</document>',
  );
const dxlItem = (name: string, value: string) => `<item name='${name}'><text>${value}</text></item>`;
const dxlFile = (name: string, data: string) =>
  `<item name='$FILE'><object><file name='${name}'><filedata>${data}</filedata></file></object></item>`;
const adaX400 = '/G=Ada/S=Ex/PRMD=Acme/ADMD= /C=XX/';
const x400 = (transfer: string, ...content: (string | Buffer)[]) =>
  bytes(`X400-Originator: ${adaX400}\r\nX400-Recipients: b@y.example\r\n${transfer}\r\n`, ...content);
const mbox = (...content: (string | Buffer)[]) => bytes('From a@x.example Mon Oct  5 08:00:00 2026\nTo: b@y.example\n', ...content);
const sms = (head: string, ...content: (string | Buffer)[]) => bytes(`From: 491725550100\nModem: GSM1\n${head}\n`, ...content);
const ccmail = (...more: (string | Buffer)[]) => bytes('Message:\r\nFrom: A at PO\r\nTo: b@y.example\r\n', ...more);
const notes = (...more: (string | Buffer)[]) => bytes('Form:  Memo\r\nFrom:  CN=A/O=X\r\nSendTo:  b@y.example\r\n', ...more);

/** @param many how many fields, elements or letters an endless file has. */
export function badFiles(many: number): BadFile[] {
  const long = 'x'.repeat(10_000);
  const fields = 'X-More: y\r\n'.repeat(many);
  const row = (dialect: FileDialectName, what: string, ends: RegExp, file: () => Buffer): BadFile => ({ dialect, what, file, ends });
  return [
    row('bsmtp', 'truncated', /^BAD incomplete-timeout/, () => bsmtp('Subject: s\r\n\r\ntext').subarray(0, -20)),
    row('bsmtp', 'no terminator', /^BAD incomplete-timeout/, () => bytes(bsmtp('Subject: s').toString().replace('\r\n.\r\n', '\r\n'))),
    row('bsmtp', 'CR LF in a field', delivered, () => bsmtp(`Subject: ${injected}\r\n\r\ntext`)),
    row('bsmtp', 'a lone CR', /^BAD syntax/, () => bsmtp('Subject: a\rInjected: b\r\n\r\ntext')),
    row('bsmtp', 'wrong code page', delivered, () => bsmtp('Subject: s\r\n\r\n', raw)),
    row('bsmtp', 'an address of 10 KB', /^BAD syntax/, () => bytes(bsmtp('x').toString().replace('<b@', `<${long}@`))),
    row('bsmtp', 'a million fields', delivered, () => bsmtp(fields, '\r\ntext')),
    row('bsmtp', 'a tower of parts', delivered, () => bsmtp(tower(many / 100))),
    row('bsmtp', 'one id twice', /^delivered \| delivered$/, () =>
      bytes(bsmtp('Message-ID: <1@x>\r\n\r\na').subarray(0, -6), bsmtp('Message-ID: <1@x>\r\n\r\nb')),
    ),
    row('bsmtp', 'a million commands', /^BAD/, () => bytes('RSET\r\n'.repeat(many), 'QUIT\r\n')),

    row('sgw', 'truncated', /^BAD incomplete-timeout/, () => sgw('Subject: s\r\n')),
    row('sgw', 'CR LF in a field', delivered, () => sgw('\r\n', `Subject: a\u0085Injected: b\r\n\r\ntext`)),
    row('sgw', 'a lone CR', /^BAD syntax/, () => sgw('X-Note: a\rInjected: b\r\n\r\ntext')),
    row('sgw', 'wrong code page', delivered, () => sgw('\r\n', raw)),
    row('sgw', 'an address of 10 KB', /^BAD/, () => bytes(sgw('\r\ntext').toString().replace('<b@', `<${long}@`))),
    row('sgw', 'a million fields', /^BAD too-large/, () => sgw(fields, '\r\ntext')),
    row('sgw', 'an attachment in TNEF', /^BAD unsupported-type/, () =>
      bytes(sgw('\r\ntext').toString().replace('Attach:', 'Attach: MAPIMAIL.DAT')),
    ),

    row('gwapi', 'truncated', /^BAD/, () => gwapi('Subject= a long one;').subarray(0, -15)),
    row('gwapi', 'no terminator', /^BAD incomplete-timeout/, () => gwapi().subarray(0, -7)),
    row('gwapi', 'a path', /^BAD attachment-path/, () => gwapi('Msg-File= ../../etc/passwd;')),
    row('gwapi', 'a drive', /^BAD attachment-path/, () => gwapi('Attach-File= Current-FileName= C:\\AUTOEXEC.BAT; ;')),
    row('gwapi', 'a device', /^BAD attachment-path/, () => gwapi('Msg-File= CON.TXT;')),
    row('gwapi', 'CR LF in a field', delivered, () => gwapi(`Subject= ${injected};`)),
    row('gwapi', 'wrong code page', delivered, () => gwapi(`Subject= ${raw.toString('latin1')};`)),
    row('gwapi', 'an address of 10 KB', /^delivered, left out/, () => gwapi(`CC= A.B.${long};`)),
    row('gwapi', 'a million keywords', /^BAD too-large/, () => gwapi('X= y;\r\n'.repeat(many))),
    row('gwapi', 'a million items', /^BAD too-/, () => gwapi(`CC= ${'A.B.c, '.repeat(many)}A.B.c;`)),
    row('gwapi', 'one keyword twice', delivered, () => gwapi('Msg-Id= 7;', 'Subject= a;', 'Subject= b;')),

    row('ffapi', 'truncated', /^BAD incomplete-timeout/, () => ffapi('TEXT:100', 'short')),
    row('ffapi', 'counts too small', /^BAD count-mismatch/, () => ffapi('TEXT:2', 'much longer')),
    row('ffapi', 'counts beyond all bounds', /^BAD incomplete-timeout/, () => ffapi('ATTACHMENTS:A 9999999999', 'TEXT:0')),
    row('ffapi', 'a missing attachment', /^BAD incomplete-timeout/, () => ffapi('ATTACHMENTS:A.BIN 10', 'TEXT:0')),
    row('ffapi', 'a place on a disk', /^BAD attachment-path/, () => ffapi('XATTACH:C:\\AUTOEXEC.BAT[A]', 'TEXT:0')),
    row('ffapi', 'a path as a name', delivered, () => ffapi('ATTACHMENTS:..\\..\\C:\\A.BIN 2', 'TEXT:0', '')),
    row('ffapi', 'CR LF in a field', delivered, () => ffapi(`SUBJECT:a\rInjected: b`, 'TEXT:0')),
    row('ffapi', 'wrong code page', delivered, () => bytes(ffapi('TEXT:6'), raw)),
    row('ffapi', 'an address of 10 KB', /^BAD syntax/, () => ffapi(`TO:A/B/${long}`, 'TEXT:0')),
    row('ffapi', 'a million tokens', /^BAD too-large/, () => ffapi('XX:1\r\n'.repeat(many), 'TEXT:0')),
    row('ffapi', 'a token twice', /^BAD syntax/, () => ffapi('SUBJECT:a', 'SUBJECT:b', 'TEXT:0')),

    row('dxl', 'truncated', /^BAD incomplete-timeout/, () => dxl(dxlItem('Subject', 's')).subarray(0, -30)),
    row('dxl', 'a bomb of entities', /^BAD (?:syntax|unrecognised)/, () =>
      bytes('<!DOCTYPE document [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>', dxl(dxlItem('Subject', '&b;'))),
    ),
    row('dxl', 'an entity of a file', /^BAD (?:syntax|unrecognised)/, () =>
      bytes('<!DOCTYPE document [<!ENTITY x SYSTEM "file:///etc/passwd">]>', dxl(dxlItem('Subject', '&x;'))),
    ),
    row('dxl', 'a DOCTYPE of elsewhere', delivered, () => bytes('<!DOCTYPE document SYSTEM "http://127.0.0.1:1/a.dtd">', dxl())),
    row('dxl', 'a tower of elements', /^BAD nested-too-deep/, () => dxl('<a>'.repeat(many))),
    row('dxl', 'a million items', /^BAD too-large/, () => dxl(Array.from({ length: many }, (_, at) => `<item name='${at}'/>`).join(''))),
    row('dxl', 'a million values', /^BAD too-large/, () => dxl(`<item name='X'>${'<text/>'.repeat(many)}</item>`)),
    row('dxl', 'a million paragraphs', delivered, () =>
      dxl(`<item name='Body'><richtext>${'<par>x</par>'.repeat(many)}</richtext></item>`),
    ),
    row('dxl', 'a million attributes', /^BAD too-large/, () =>
      dxl(`<a ${Array.from({ length: many }, (_, at) => `a${at}=''`).join(' ')}/>`),
    ),
    row('dxl', 'an attribute without end', many > 65_536 ? /^BAD syntax/ : delivered, () => dxl(`<item name='${'x'.repeat(many)}'/>`)),
    row('dxl', 'wrong code page', /^BAD charset/, () => bytes(dxl().subarray(0, -11), raw, '</document>')),
    row('dxl', 'a count of base64 that lies', /^BAD syntax/, () => dxl(dxlFile('a', 'eHh'))),
    row('dxl', 'a path as a name', delivered, () => dxl(dxlFile('C:\\..\\..\\a.txt', 'eHh4'))),
    row('dxl', 'CR LF in a field', delivered, () => dxl(dxlItem('Subject', 'a&#13;&#10;Injected: b'), dxlItem('X&#10;Injected', 'b'))),
    row('dxl', 'an address of 10 KB', /^delivered, left out/, () => dxl(dxlItem('CopyTo', long))),
    row('dxl', 'one unid twice', delivered, () => bytes("<database xmlns='http://www.lotus.com/dxl'>", dxl(), dxl(), '</database>')),

    row('x400-text', 'truncated', /^BAD incomplete-timeout/, () => x400('', 'Subject: s\r\nFro')),
    row('x400-text', 'no terminator', /^delivered, closing-line-missing/, () =>
      x400('', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n'),
    ),
    row('x400-text', 'CR LF in a field', delivered, () => x400('X400-Trace: a\r\n Injected: b\r\n', 'Subject: s\r\n\r\ntext\r\n')),
    row('x400-text', 'a lone CR', /^BAD syntax/, () => x400('X400-Trace: a\rInjected: b\r\n', 'Subject: s\r\n\r\ntext\r\n')),
    row('x400-text', 'wrong code page', delivered, () => x400('', 'Subject: s\r\n\r\n', raw, '\r\n')),
    row('x400-text', 'an address of 10 KB', /^delivered, left out/, () =>
      x400(`X400-Recipients: /S=${long}/P=A/A= /C=XX/\r\n`, 'Subject: s\r\n\r\ntext\r\n'),
    ),
    row('x400-text', 'a million transfer fields', /^BAD too-large/, () => x400(fields, 'Subject: s\r\n\r\ntext\r\n')),
    row('x400-text', 'a million fields', /^BAD|^delivered/, () => x400('', fields, '\r\ntext\r\n')),
    row('x400-text', 'a tower of parts', delivered, () => x400('', tower(many / 100))),
    row('x400-text', 'an attribute twice', /^delivered, left out/, () =>
      x400('X400-Recipients: /S=A/P=A/A= /C=XX/C=YY/\r\n', 'Subject: s\r\n\r\ntext\r\n'),
    ),

    row('mbox', 'truncated', delivered, () => mbox('Subject: s\n\ntext that sto')),
    row('mbox', 'a length that lies', /^delivered, content-length-wrong/, () => mbox('Content-Length: 999\n\ntext\n')),
    row('mbox', 'CR LF in a field', delivered, () => mbox('Subject: a\n Injected: b\n\ntext\n')),
    row('mbox', 'a lone CR', /^BAD syntax/, () => mbox('Subject: a\rInjected: b\n\ntext\n')),
    row('mbox', 'wrong code page', delivered, () => mbox('\n', raw, '\n')),
    row('mbox', 'an address of 10 KB', /^delivered, left out/, () => mbox(`Cc: ${long}@y.example\n\ntext\n`)),
    row('mbox', 'a million fields', delivered, () => mbox(fields, '\ntext\n')),
    row('mbox', 'a million recipients', /^BAD too-many-recipients/, () =>
      mbox(
        `Cc: ${'c@y.example, d@y.example,'.repeat(many / 10)} e@y.example\n\ntext\n`.replaceAll(
          /c@|d@/g,
          (one, at: number) => `${one[0] ?? ''}${at}@`,
        ),
      ),
    ),
    row('mbox', 'nested groups and comments', /^(?:BAD|delivered)/, () => mbox(`Cc: ${'(a:'.repeat(Math.min(many, 20_000))}\n\ntext\n`)),
    row('mbox', 'a tower of parts', delivered, () => mbox(tower(many / 100))),
    row('mbox', 'a million quoted lines', delivered, () => mbox('\n', '>From x\n'.repeat(many))),
    row('mbox', 'one id twice', /^delivered \| delivered$/, () =>
      bytes(mbox('Message-ID: <1@x>\n\na\n\n'), mbox('Message-ID: <1@x>\n\nb\n')),
    ),

    row('sms', 'truncated', /^BAD incomplete-timeout/, () => bytes('From: 491725550100\nModem: GS')),
    row('sms', 'half a letter', /^BAD charset/, () => sms('Alphabet: UCS2\n', 'abc')),
    row('sms', 'wrong code page', /^BAD charset/, () => sms('Alphabet: UTF-8\n', raw)),
    row('sms', 'CR LF in a field', /^BAD syntax/, () => sms('X: a\rInjected: b\n', 'text\nInjected: b\n')),
    row('sms', 'an address of 10 KB', /^BAD syntax/, () => sms(`To: ${long}\n`, 'text\n')),
    row('sms', 'a million lines', /^BAD/, () => sms('X: y\n'.repeat(many), 'text\n')),
    row('sms', 'an endless text', delivered, () => sms('', 'x'.repeat(many))),

    row('ccmail', 'truncated', /^BAD incomplete-timeout/, () => ccmail('Subject: s\r\n')),
    row('ccmail', 'half a byte', /^BAD count-mismatch/, () => ccmail('Contents:\r\nFile item: a\r\n414\r\n')),
    row('ccmail', 'a place on a disk', /^BAD attachment-path/, () => ccmail('Contents:\r\nFile item: C:\\AUTOEXEC.BAT\r\n')),
    row('ccmail', 'a path as a name', delivered, () => ccmail('Contents:\r\nFile item: ..\\..\\A.BIN\r\n41\r\n')),
    row('ccmail', 'CR LF in a field', delivered, () => ccmail('Subject: a\rInjected: b\r\nContents:\r\nx\r\n')),
    row('ccmail', 'wrong code page', delivered, () => ccmail('Contents:\r\n', raw, '\r\n')),
    row('ccmail', 'an address of 10 KB', /^BAD syntax/, () => ccmail(`Cc: ${long}\r\nContents:\r\nx\r\n`)),
    row('ccmail', 'a million labels', /^BAD too-large/, () => ccmail('X: y\r\n'.repeat(many), 'Contents:\r\nx\r\n')),
    row('ccmail', 'a million messages', /^BAD too-large/, () => bytes('Message:\r\nTo: a at b\r\n'.repeat(many / 10))),
    row('ccmail', 'a million file items', /^BAD too-large/, () => ccmail('Contents:\r\n', 'File item: a\r\n41\r\n'.repeat(many))),

    row('notes-text', 'truncated', /^BAD incomplete-timeout/, () => notes('Subject:  s\r\n')),
    row('notes-text', 'CR LF in a field', delivered, () => notes('Subject:  a\rInjected: b\r\nBody:  x\r\n')),
    row('notes-text', 'wrong code page', delivered, () => notes('Body:  ', raw, '\r\n')),
    row('notes-text', 'an address of 10 KB', /^delivered, left out/, () => notes(`CopyTo:  ${long}\r\nBody:  x\r\n`)),
    row('notes-text', 'a million items', /^BAD too-large/, () =>
      notes(Array.from({ length: many }, (_, at) => `X${at}:  y\r\n`).join(''), 'Body:  x\r\n'),
    ),
    row('notes-text', 'a million documents', /^BAD too-large/, () => bytes('Form:  Memo\r\nSendTo:  b@y.example\r\n\f'.repeat(many / 10))),
    row('notes-text', 'one id twice', /^delivered \| delivered$/, () =>
      bytes(notes('$MessageID:  <1@x>\r\nBody:  a\r\n\f'), notes('$MessageID:  <1@x>\r\nBody:  b\r\n')),
    ),
  ];
}

/** Those whose files these tests write; `msg` and `tnef` have a writer and rows of their own (`mapi-limits.long.test.ts`). */
export type TextDialectName = Exclude<FileDialectName, 'msg' | 'tnef'>;

/** The largest message of a dialect: attachments of so many bytes in all; text where the format has none. */
export function largeFile(dialect: TextDialectName, size: number): { file: Buffer; parts: { name: string; bytes: Buffer }[] } {
  const blob = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) blob[at] = (at * 31 + (at >> 8)) & 0xff;
  const text = (): string => 'Silo 7 is full, and that is what this line says once more.\r\n'.repeat(size / 60);
  const mime = (): (string | Buffer)[] => {
    const base64 = blob.toString('base64').replaceAll(/.{76}/g, '$&\r\n');
    return [
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
      base64,
      '\r\n--b--\r\n',
    ];
  };
  const alone = (file: Buffer) => ({ file, parts: [] });
  switch (dialect) {
    case 'bsmtp':
      return alone(bsmtp(...mime()));
    case 'sgw':
      return alone(sgw('\r\n', text()));
    case 'gwapi':
      return { file: gwapi('Attach-File= Current-FileName= a.att; Original-FileName= a.bin; ;'), parts: [{ name: 'a.att', bytes: blob }] };
    case 'ffapi':
      return alone(bytes(ffapi(`ATTACHMENTS:A.BIN ${size}`, 'TEXT:0'), blob));
    case 'dxl':
      return alone(dxl(dxlFile('a.bin', blob.toString('base64').replaceAll(/.{76}/g, '$&\n'))));
    case 'x400-text':
      return alone(x400('', ...mime()));
    case 'mbox':
      return alone(mbox(...mime()));
    case 'sms':
      return alone(sms('Alphabet: binary\n', blob));
    case 'ccmail':
      return alone(ccmail('Contents:\r\nx\r\nFile item: a.bin\r\n', blob.toString('hex').replaceAll(/.{76}/g, '$&\r\n'), '\r\n'));
    case 'notes-text':
      return alone(notes('Body:  ', text()));
  }
}
