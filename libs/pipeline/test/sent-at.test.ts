import { expect, test } from '@jest/globals';
import { sentAtMs } from '../src/sent-at.ts';

const died = (queue: string) => ({ queue, reason: 'expired', count: 1 });

test.each([
  ['published by a stage', { 'sent-at-ms': 5_000 }, 5_000],
  ['put in by hand', {}, undefined],
  ['no headers at all', undefined, undefined],
  ['a stamp that is none', { 'sent-at-ms': 'yesterday' }, undefined],
  ['back from a rung: its wait there is no delay of ours', { 'sent-at-ms': 5_000, 'x-death': [died('retry.1m')] }, 65_000],
  ['several rungs: the last one counts', { 'sent-at-ms': 5_000, 'x-death': [died('retry.1s'), died('retry.1m')] }, 6_000],
  ['dead-lettered by another queue', { 'sent-at-ms': 5_000, 'x-death': [died('3.mta')] }, 5_000],
  ['x-death of another form', { 'sent-at-ms': 5_000, 'x-death': ['retry.1m'] }, 5_000],
])('%s', (_name, headers, expected) => {
  expect(sentAtMs(headers)).toBe(expected);
});
