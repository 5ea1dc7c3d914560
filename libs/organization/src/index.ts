export * from './address-space.ts';
export * from './foreign-addresses.ts';
export * from './organization-file.ts';
export * from './organization-of.ts';
export * from './parse-organization.ts';
export * from './retention.ts';
export * from './schema.ts';
export * from './snapshot.ts';
