import { expect, test } from '@jest/globals';
import { markdownTable } from '../src/table.ts';

test('columns stand under one another', () => {
  const text = markdownTable(
    [{ title: 'what' }, { title: 'ms', align: 'right' }],
    [['mean', '1.5'], ['the worst of all', '1234'], ['short row']],
  );
  expect(text.split('\n')).toEqual([
    '| what             |   ms |',
    '| ---------------- | ---: |',
    '| mean             |  1.5 |',
    '| the worst of all | 1234 |',
    '| short row        |      |',
  ]);
});

test('a bar or a line end in a cell makes no new cell', () => {
  expect(
    markdownTable([{ title: 'a' }], [['x|y\nz']])
      .split('\n')
      .at(-1),
  ).toBe('| x\\|y z |');
});
