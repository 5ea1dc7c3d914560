export * from './open-redis.ts';
export * from './redis-url.ts';
