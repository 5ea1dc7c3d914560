export * from './outcome.ts';
export * from './service.ts';
