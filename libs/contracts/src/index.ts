export * from './bag.ts';
export * from './hooks.ts';
export * from './mail.ts';
export * from './progress.ts';
export * from './stations.ts';
export * from './tracking.ts';
export * from './versions.ts';
