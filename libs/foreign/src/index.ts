export * from './bundle.ts';
export * from './byte-gate.ts';
export * from './compose.ts';
export * from './dialects.ts';
export * from './foreign-file.ts';
export * from './webhooks/index.ts';
