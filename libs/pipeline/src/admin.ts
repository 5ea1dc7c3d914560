import type { Metrics } from '@mailrail/telemetry';
import fastify, { type FastifyInstance } from 'fastify';

/** The admin port of every service: `/health/live`, `/health/ready`, `/metrics`, and what the service adds. */
export async function openAdmin(options: {
  host: string;
  port: number; // 0 takes a free one
  metrics: Metrics;
  live: () => boolean;
  /** Why the service is not ready; `undefined` when it is. */
  notReady: () => string | undefined;
  routes?: ((app: FastifyInstance) => void) | undefined;
}): Promise<{ port: number; close(): Promise<void> }> {
  const app = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 65_536 });
  app.get('/health/live', (_request, reply) => reply.code(options.live() ? 200 : 503).send({ live: options.live() }));
  app.get('/health/ready', (_request, reply) => {
    const reason = options.notReady();
    return reply.code(reason === undefined ? 200 : 503).send(reason === undefined ? { ready: true } : { ready: false, reason });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics()),
  );
  options.routes?.(app);
  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : options.port, close: () => app.close() };
}
