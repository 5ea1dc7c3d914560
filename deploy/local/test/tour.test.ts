import { describe, expect, test } from '@jest/globals';
import { rootIdIn } from '../src/tour/arrivals.ts';
import { besideBytes, type End, messageIdOf, sampleBytes, samples } from '../src/tour/samples.ts';
import { differences, endText, isOver } from '../src/tour/tour.ts';

const [onePerson, group, report] = samples;
if (onePerson === undefined || group === undefined || report === undefined) throw new Error('the tour lacks its first mails');
const at = (...ends: End[]) => ends.map((end) => ({ ...end, at: 0 }));
const mail = (address: string): End => ({ where: 'mailbox', address, what: 'mail' });

describe('a sample', () => {
  const notMail = new Set<string>(['gwapi', 'ffapi', 'dxl', 'x400-text', 'sms', 'ccmail', 'notes-text']);
  const named = samples.map((sample) => [sample.name, sample] as const);
  test.each(named)('%s is a file in CRLF', (_, sample) => {
    const text = sampleBytes(sample, 'r1', new Date('2026-11-02T10:00:00Z')).toString();
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });
  test('from MS Mail is of this run, and as long as it says', () => {
    const sample = samples.find(({ way }) => way === 'ffapi');
    if (sample === undefined) throw new Error('there is none');
    const text = sampleBytes(sample, 'r1', new Date('2026-11-02T10:00:00Z')).toString();
    expect(text).toContain(' <msmail.r1@samples.example>\r\n');
    const [all = '', size = ''] = /TEXT:(\d+)\r\n/.exec(text) ?? [];
    expect(text.length - text.indexOf(all) - all.length).toBe(Number(size));
  });
  test('from GroupWise is of this run, with its files', () => {
    const sample = samples.find(({ way }) => way === 'gwapi');
    if (sample === undefined) throw new Error('there is none');
    const text = sampleBytes(sample, 'r1', new Date('2026-11-02T10:00:00Z')).toString();
    expect(text).toContain('\r\nMsg-Id= groupwise.r1@samples.example;\r\n');
    expect(text).toContain('\r\nDate-Sent= 2/11/2026 10:00:00 +0;\r\n');
    for (const name of sample.beside ?? []) {
      expect(text).toContain(name);
      expect(besideBytes(name).length).toBeGreaterThan(0);
    }
  });
  test.each(named.filter(([, { way }]) => !notMail.has(way)))('%s is a message of this run', (_, sample) => {
    const text = sampleBytes(sample, 'r1', new Date('2026-11-02T10:00:00Z')).toString();
    expect(text).toContain(`\r\n${sample.way === 'sgw' ? 'X-' : ''}Message-ID: ${messageIdOf(sample, 'r1')}\r\n`);
    expect(text).toContain('\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n');
    expect(text).toMatch(/\r\n\r\n/);
  });
  test.each(named.filter(([, { way }]) => notMail.has(way)))('%s is of this run', (_, sample) => {
    const text = sampleBytes(sample, 'r1', new Date('2026-11-02T10:00:00Z')).toString();
    expect(text).toContain(messageIdOf(sample, 'r1').slice(1, -1));
  });
  test('every way in is on the tour', () => {
    expect(new Set(samples.map(({ way }) => way))).toEqual(
      new Set([
        'SMTP',
        'submission',
        'HTTP',
        'pickup',
        'replay',
        'bsmtp',
        'sgw',
        'gwapi',
        'ffapi',
        'dxl',
        'x400-text',
        'mbox',
        'sms',
        'ccmail',
        'notes-text',
      ]),
    );
  });
});

describe('where a mail should end', () => {
  test.each([
    ['nothing yet', at(), false, ['missing: ada@corp.example (mailbox)']],
    ['there', at(mail('ada@corp.example')), true, []],
    ['twice', at(mail('ada@corp.example'), mail('ada@corp.example')), true, ['not expected: ada@corp.example (mailbox)']],
    [
      'with another',
      at(mail('ben@corp.example')),
      false,
      ['missing: ada@corp.example (mailbox)', 'not expected: ben@corp.example (mailbox)'],
    ],
  ])('one person: %s', (_, arrived, over, faults) => {
    const journey = { sample: onePerson, arrived, refused: undefined };
    expect(isOver(journey)).toBe(over);
    expect(differences(journey)).toEqual(faults);
  });
  test('a group: all of its people', () => {
    expect(isOver({ sample: group, arrived: at(mail('ada@corp.example'), mail('ben@corp.example')), refused: undefined })).toBe(false);
  });
  test('a report is no mail', () => {
    expect(differences({ sample: report, arrived: at(mail('dmitri@corp.example')), refused: undefined })).toEqual([
      'missing: a report for dmitri@corp.example (mailbox)',
      'not expected: dmitri@corp.example (mailbox)',
    ]);
  });
  test('a refused mail ends nowhere, and says why', () => {
    const journey = { sample: group, arrived: [], refused: '550 5.7.1 no' };
    expect(isOver(journey)).toBe(true);
    expect(differences(journey)).toEqual(['not taken: 550 5.7.1 no']);
  });
});

test('an end in words', () => {
  expect(endText({ ...mail('ada@corp.example'), at: 1_041 }, 1_000)).toBe('in the mailbox of ada@corp.example after 41 ms');
  expect(endText({ where: 'sink', address: 'g@elsewhere.example', what: 'mail', at: 5 }, 9)).toBe(
    'in the other server, for g@elsewhere.example after 0 ms',
  );
});

test('the identity of a mail stands in our Received field', () => {
  const text =
    'Return-Path: <>\r\nReceived: from a ([127.0.0.1])\r\n\tby ex1.corp.example\r\n\twith ESMTP id 0198c1f2-7a55-7b1c-9d4e-5f60a1b2c3d4;\r\n';
  expect(rootIdIn(text)).toBe('0198c1f2-7a55-7b1c-9d4e-5f60a1b2c3d4');
  expect(rootIdIn('Received: by other id 4711;')).toBeUndefined();
});
