import { describe, expect, test } from '@jest/globals';
import { depthLine, type Picture, tableLines } from '../src/tour/table.ts';

const picture: Picture = {
  stations: [
    { queue: '1.gateway.in', takenBy: 'translator', waiting: 0, inHand: 0, handled: 12 },
    { queue: '5.aq.pre-categorization', takenBy: 'categorizer', waiting: 1_234, inHand: 64, handled: 7 },
  ],
  tour: [
    { says: 'to one person', way: 'SMTP', to: 'ada@corp.example', state: 'ended', where: 'ada (41 ms)' },
    { says: 'to nobody: a report', way: 'submission', to: 'nobody@corp.example', state: 'sent', where: 'on its way' },
  ],
};

test('the picture has a row for each station and each tour mail', () => {
  expect(tableLines(picture, 120)).toEqual([
    'station                       waiting  in hand  handled taken by',
    '1.gateway.in                        0        0       12 translator',
    '5.aq.pre-categorization          1234       64        7 categorizer',
    '',
    'tour mail                way in      to                         where',
    'to one person            SMTP        ada@corp.example           ada (41 ms)',
    'to nobody: a report      submission  nobody@corp.example        on its way',
  ]);
});

test('no line is longer than the terminal is wide', () => {
  for (const width of [20, 40, 61, 80]) {
    const longest = Math.max(...tableLines(picture, width).map((line) => line.length));
    expect(longest).toBeLessThanOrEqual(Math.max(40, width - 1));
  }
});

test('with too few lines, stations that hold nothing are left out', () => {
  expect(tableLines(picture, 80, 7)).toHaveLength(7);
  expect(tableLines(picture, 80, 6).filter((line) => line.startsWith('1.gateway.in'))).toEqual([]);
});

test('without a tour there is only the table of stations', () => {
  expect(tableLines({ ...picture, tour: [] }, 80)).toHaveLength(3);
});

describe('as a line', () => {
  test('stations that hold mail are named', () => {
    expect(depthLine(picture.stations)).toBe('waiting: 5.aq.pre-categorization 1234 (64 in hand)');
  });
  test('nothing is said when nothing waits', () => {
    expect(depthLine([])).toBe('');
  });
});
