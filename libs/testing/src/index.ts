export * from './brokers.ts';
export * from './debian-tree.ts';
export * from './mails.ts';
export * from './posted-forms.ts';
export * from './redis.ts';
export * from './tcp-proxy.ts';
export * from './vhost.ts';
export * from './wait-for.ts';
