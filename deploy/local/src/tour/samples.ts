import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Organization } from '@mailrail/organization';
import { ofRun } from './binary-sample.ts';

/** A place where a tour mail, or a report about it, is to end. */
export interface End {
  where: 'mailbox' | 'sink';
  address: string;
  what: 'mail' | 'report';
}

/** Dialects of other systems, each with a folder of that name in the default organization. */
const foreignWays = ['bsmtp', 'sgw', 'gwapi', 'ffapi', 'dxl', 'x400-text', 'mbox', 'sms', 'ccmail', 'notes-text', 'msg', 'tnef'] as const;
const foreign: ReadonlySet<string> = new Set(foreignWays);
/** A folder of the default organization, named as its dialect. */
export type FolderWay = 'pickup' | 'replay' | (typeof foreignWays)[number];

export interface Sample {
  name: string; // of the file in samples/, too: `<name>.eml`, for a foreign format `<name>.<way>`
  says: string; // what it shows, for the table
  way: 'SMTP' | 'submission' | 'HTTP' | FolderWay;
  from: string;
  to: readonly string[];
  ends: readonly End[];
  beside?: readonly string[]; // names in samples/ of the files that belong to it
}

const inMailbox = (...addresses: string[]): End[] => addresses.map((address) => ({ where: 'mailbox', address, what: 'mail' }));
const atSink = (address: string): End[] => [{ where: 'sink', address, what: 'mail' }];
const grace = 'grace@elsewhere.example';

/** The tour: every way in, every way out. It fits the default organization; another one needs other addresses. */
export const samples: readonly Sample[] = [
  { name: 'one-person', says: 'to one person', way: 'SMTP', from: grace, to: ['ada@corp.example'], ends: inMailbox('ada@corp.example') },
  {
    name: 'nested-group',
    says: 'to a group in a group',
    way: 'SMTP',
    from: grace,
    to: ['team@corp.example'],
    ends: inMailbox('ada@corp.example', 'ben@corp.example', 'chloe@corp.example'),
  },
  {
    name: 'unknown-person',
    says: 'to nobody: a report',
    way: 'submission',
    from: 'dmitri@corp.example',
    to: ['nobody@corp.example'],
    ends: [{ where: 'mailbox', address: 'dmitri@corp.example', what: 'report' }],
  },
  { name: 'contact', says: 'to a contact', way: 'SMTP', from: grace, to: ['partner@corp.example'], ends: atSink('partner@remote.example') },
  {
    name: 'relay',
    says: 'to a relayed domain',
    way: 'SMTP',
    from: grace,
    to: ['someone@relay.example'],
    ends: atSink('someone@relay.example'),
  },
  { name: 'outside', says: 'from us to the world', way: 'submission', from: 'ada@corp.example', to: [grace], ends: atSink(grace) },
  {
    name: 'attachment',
    says: 'by a program',
    way: 'HTTP',
    from: 'build@corp.example',
    to: ['ben@corp.example', 'chloe@corp.example'],
    ends: inMailbox('ben@corp.example', 'chloe@corp.example'),
  },
  {
    name: 'pickup',
    says: 'as a file',
    way: 'pickup',
    from: 'scanner@corp.example',
    to: ['chloe@corp.example'],
    ends: inMailbox('chloe@corp.example'),
  },
  {
    name: 'replay',
    says: 'as an exported file',
    way: 'replay',
    from: grace,
    to: ['dmitri@corp.example'],
    ends: inMailbox('dmitri@corp.example'),
  },
  {
    name: 'batch',
    says: 'as a session in a file',
    way: 'bsmtp',
    from: 'ops@silo.example',
    to: ['ada@corp.example', 'ben@corp.example'],
    ends: inMailbox('ada@corp.example', 'ben@corp.example'),
  },
  {
    name: 'note',
    says: 'from a sample gateway',
    way: 'sgw',
    from: 'bo@gate.example',
    to: ['chloe@corp.example'],
    ends: inMailbox('chloe@corp.example'),
  },
  {
    name: 'groupwise',
    says: 'from GroupWise, with a file',
    way: 'gwapi',
    from: 'ACME.PO1.BKo',
    to: ['Exchange.Corp.ada'],
    ends: inMailbox('ada@corp.example'),
    beside: ['groupwise.bdy', 'groupwise.att'],
  },
  {
    name: 'msmail',
    says: 'from MS Mail',
    way: 'ffapi',
    from: 'ACME/PO1/SCALE7',
    to: ['ben@corp.example'],
    ends: inMailbox('ben@corp.example'),
  },
  {
    name: 'notes',
    says: 'from Notes, with a file',
    way: 'dxl',
    from: 'Ada Ex/Ops/Acme',
    to: ['chloe@corp.example'],
    ends: inMailbox('chloe@corp.example'),
  },
  {
    name: 'x400',
    says: 'from X.400',
    way: 'x400-text',
    from: '/G=Ada/S=Ex/O=Ops/PRMD=Acme/ADMD= /C=XX/',
    to: ['/G=Ada/S=Lovelace/O=Exchange/PRMD=Corp/ADMD= /C=GB/'],
    ends: inMailbox('ada@corp.example'),
  },
  {
    name: 'mailbox',
    says: 'in a mailbox file',
    way: 'mbox',
    from: 'ops@silo.example',
    to: ['dmitri@corp.example'],
    ends: inMailbox('dmitri@corp.example'),
  },
  {
    name: 'text',
    says: 'as a text to a phone',
    way: 'sms',
    from: '+491725550100',
    to: ['SMS:GSM1'],
    ends: inMailbox('dmitri@corp.example'),
  },
  {
    name: 'ccmail',
    says: 'from cc:Mail, with a file',
    way: 'ccmail',
    from: 'Ex, Ada at PO1',
    to: ['Ben Babbage at London'],
    ends: inMailbox('ben@corp.example'),
  },
  {
    name: 'notes-text',
    says: 'from Notes, as text',
    way: 'notes-text',
    from: 'Ada Ex/Ops/Acme',
    to: ['Chloe Curie/Corp'],
    ends: inMailbox('chloe@corp.example'),
  },
  {
    name: 'outlook',
    says: 'as Outlook saves it',
    way: 'msg',
    from: 'bo@plant.example',
    to: ['chloe@corp.example'],
    ends: inMailbox('chloe@corp.example'),
  },
  {
    name: 'exchange',
    says: 'from Exchange, in TNEF',
    way: 'tnef',
    from: 'bo@plant.example',
    to: ['dmitri@corp.example'],
    ends: inMailbox('dmitri@corp.example'),
  },
];

const folder = path.join(import.meta.dirname, '..', '..', 'samples');

/**
 * The bytes of a sample for one run of the tour: CRLF, the date of now, and a Message-ID of this run by which it is found again.
 *
 * @param run a word for this run: letters and digits.
 */
export function sampleBytes(sample: Sample, run: string, now: Date): Buffer {
  if (isBinary(sample)) return ofRun(readFileSync(path.join(folder, fileOf(sample))), messageIdOf(sample, run));
  const text = readFileSync(path.join(folder, fileOf(sample)), 'utf8')
    .replace(/^Date: .*$/m, `Date: ${now.toUTCString().replace('GMT', '+0000')}`)
    .replace(/^((?:X-)?Message-ID): .*$/m, `$1: ${messageIdOf(sample, run)}`)
    .replace(/^Date-Sent= .*$/m, `Date-Sent= ${dayFirst(now)};`)
    .replace(/^SUBJECT:.*$/m, `$& ${messageIdOf(sample, run)}`) // a format without ids
    .replace('{message-id}', messageIdOf(sample, run).slice(1, -1)) // wherever another format has it
    .replace(/^Msg-Id= .*$/m, `Msg-Id= ${messageIdOf(sample, run).slice(1, -1)};`);
  return Buffer.from(text.replaceAll(/\r?\n/g, '\r\n'));
}

/** Files that are no text. */
export function isBinary({ way }: Pick<Sample, 'way'>): boolean {
  return way === 'msg' || way === 'tnef';
}

/** `5/10/2026 8:00:00 +0`, as GroupWise writes a date. */
function dayFirst(now: Date): string {
  const [date = '', time = ''] = now.toISOString().split(/[T.]/);
  return `${date.split('-').toReversed().map(Number).join('/')} ${time} +0`;
}

/** The bytes of a file beside a sample. */
export function besideBytes(name: string): Buffer {
  return readFileSync(path.join(folder, name));
}

export function fileOf({ name, way }: Pick<Sample, 'name' | 'way'>): string {
  return `${name}.${foreign.has(way) ? way : 'eml'}`;
}

export function messageIdOf(sample: Sample, run: string): string {
  return `<${sample.name}.${run}@samples.example>`;
}

/** Whether the people the samples are for are this organization's: it has their domain. */
export function knowsSamplePeople({ domains }: Pick<Organization, 'domains'>): boolean {
  return domains.some(({ name }) => name === 'corp.example');
}
