import type { Written, WrittenMessage } from './mapi-values.ts';
import { storedRtf } from './mapi-values.ts';

/** A row of a recipient table: 1 To, 2 Cc, 3 Bcc. */
export const recipient = (kind: 1 | 2 | 3, name: string, address: string, type = 'SMTP'): Written[] => [
  [0x0c15_0003, kind],
  [0x3001_001f, name],
  [0x3002_001f, type],
  [0x3003_001f, address],
];

export const sender: Written[] = [
  [0x0c1a_001f, 'Bo Köhler'],
  [0x0c1e_001f, 'SMTP'],
  [0x0c1f_001f, 'bo@example.net'],
];

export const publicStrings = '00020329-0000-0000-c000-000000000046';
export const appointment = '00062002-0000-0000-c000-000000000046';

/** HTML put into RTF, as Outlook keeps it (MS-OXRTFEX). */
export const htmlInRtf = String.raw`{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial;}}{\colortbl\red0\green0\blue0;}
{\*\htmltag64 <html><body>}{\*\htmltag84 <p>}\htmlrtf {\htmlrtf0 Silo 7 ist \'fcberf\'fcllt{\*\htmltag84 &nbsp;}\htmlrtf\'a0\htmlrtf0 \u8364? 5 {\f1\'e4\'e0}.\htmlrtf\par}\htmlrtf0
{\*\htmltag92 </p>}{\*\htmltag4 \par}{\*\htmltag64 </body></html>}}`;

/** The sample of both formats: everything a letter of Outlook has, in small. */
export const silo: WrittenMessage = {
  properties: [
    [0x001a_001f, 'IPM.Note'],
    [0x0037_001f, 'Silo 7 überfüllt'],
    ...sender,
    [0x0042_001f, 'Waage 7'],
    [0x0064_001f, 'EX'],
    [0x0065_001f, '/o=Plant/ou=Ops/cn=Recipients/cn=scale7'],
    [0x5d02_001f, 'scale7@plant.example'],
    [0x0039_0040, new Date('2026-10-05T06:00:00Z')],
    [0x0017_0003, 2],
    [0x0026_0003, 1],
    [0x0036_0003, 3],
    [0x0023_000b, true],
    [0x0029_000b, true],
    [0x1035_001f, '<silo7.42@plant.example>'],
    [0x1042_001f, '<silo7.41@plant.example>'],
    [0x1039_001f, '<silo7.40@plant.example> <silo7.41@plant.example>'],
    [0x0070_001f, 'Silo 7'],
    [0x0071_0102, Buffer.from('01dc35e1a000112233445566778899aabbccddeeff00', 'hex')],
    [0x3fde_0003, 1252],
    [0x3ffd_0003, 1252],
    [0x0e07_0003, 1],
    [0x1000_001f, 'Silo 7 ist überfüllt.\r\n'],
    [0x1009_0102, storedRtf(htmlInRtf)],
  ],
  named: [[publicStrings, 'Keywords', 0x101f, ['Silo', 'Waage']]],
  recipients: [
    recipient(1, 'Ada Ex', '/o=Corp/ou=London/cn=Recipients/cn=ada', 'EX').concat([[0x39fe_001f, 'ada@corp.example']]),
    recipient(2, 'Ben', 'ben@corp.example'),
    recipient(3, 'Ed', 'ACME.PO1.Ed', 'GWISE'),
  ],
  attachments: [
    {
      properties: [
        [0x3705_0003, 1],
        [0x3704_001f, 'LOG~1.CSV'],
        [0x3707_001f, 'C:\\Daten\\log größer.csv'],
        [0x3701_0102, Buffer.from('07:01,98\r\n')],
      ],
    },
    {
      properties: [
        [0x3705_0003, 1],
        [0x3707_001f, 'waage.png'],
        [0x370e_001f, 'image/png'],
        [0x3712_001f, 'waage@plant.example'],
        [0x3701_0102, Buffer.from('89504e470d0a1a0a', 'hex')],
      ],
    },
    {
      properties: [[0x3705_0003, 5]],
      message: {
        properties: [[0x001a_001f, 'IPM.Note'], [0x0037_001f, 'the report before'], ...sender, [0x1000_001f, 'all well']],
        recipients: [recipient(1, 'Ada Ex', 'ada@corp.example')],
      },
    },
    {
      properties: [
        [0x3705_0003, 6],
        [0x3001_001f, 'Chart'],
      ],
      object: { CONTENTS: Buffer.alloc(5_000, 'chart ') },
    },
  ],
};
