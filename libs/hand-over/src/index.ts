export * from './connector.ts';
export * from './connector-settings.ts';
export * from './dns.ts';
export * from './next-hop.ts';
export * from './time-limits.ts';
export * from './tls-policy.ts';
