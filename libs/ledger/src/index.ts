export { balance, type CountField, type Counts } from './counts.ts';
export * from './memory-ledger.ts';
export * from './port.ts';
export * from './redis-ledger.ts';
