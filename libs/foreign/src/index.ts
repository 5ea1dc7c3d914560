export * from './dialects.ts';
export * from './foreign-file.ts';
