export * from './connector.ts';
export * from './connector-settings.ts';
export * from './dns.ts';
export * from './run-connector.ts';
export * from './session-config.ts';
export * from './time-limits.ts';
export * from './tls-policy.ts';
