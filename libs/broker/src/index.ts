export * from './acker.ts';
export * from './bus.ts';
