export * from './address.ts';
export * from './ids.ts';
export * from './one-line.ts';
