export * from './acker.ts';
export * from './amqp-hosts.ts';
export * from './bus.ts';
export * from './connect-first.ts';
export * from './queue-facts.ts';
export * from './types.ts';
