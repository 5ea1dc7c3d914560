import { expect, test } from '@jest/globals';
import { memoryLedger } from '../src/index.ts';
import { ledgerSuite } from './ledger-suite.ts';

ledgerSuite('memory', async () => {
  const ledger = memoryLedger();
  return { ledger, close: () => ledger.close() };
});

test('a silent ledger says so', async () => {
  const ledger = memoryLedger();
  ledger.silent = true;
  expect([await ledger.claim('k', 'c'), await ledger.effects(['k']), await ledger.counts(), await ledger.complete([])]).toEqual([
    'silent',
    'silent',
    'silent',
    false,
  ]);
});
