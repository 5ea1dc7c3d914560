export * from './memory-ledger.ts';
export * from './port.ts';
export * from './redis-ledger.ts';
