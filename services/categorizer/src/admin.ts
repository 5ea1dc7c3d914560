import { type CachedDirectory, type Directory, DirectoryUnavailable, explainResolution } from '@mailrail/directory';
import type { OrganizationSource } from '@mailrail/organization';
import type { ServiceOptions } from '@mailrail/pipeline';
import type { AcceptedMail } from '@mailrail/contracts';
import { z } from 'zod';

type AdminRoutes = NonNullable<ServiceOptions<typeof AcceptedMail>['adminRoutes']>;

const Question = z.strictObject({
  address: z.union([z.string().max(1_200), z.array(z.string().max(1_200)).max(100)]).transform((given) => [given].flat()),
  from: z.string().max(1_200).default(''),
  authenticated: z
    .enum(['true', 'false', '1', '0', ''])
    .default('false')
    .transform((given) => given === 'true' || given === '1' || given === ''),
  sizeKb: z.coerce.number().min(0).max(1_000_000).default(4),
});

/**
 * What an admin asks the categorizer: `GET /v1/directory/resolve?address=&from=&authenticated=&sizeKb=` explains what would happen
 * to addresses (`address` may be given again), `POST /v1/directory/cache:flush` forgets all entries. Errors are problem documents,
 * RFC 9457.
 */
export function directoryRoutes(deps: {
  directory: Directory & Pick<CachedDirectory, 'flush'>;
  organization: OrganizationSource;
}): AdminRoutes {
  const { directory, organization } = deps;
  return (app) => {
    app.get('/v1/directory/resolve', async (request, reply) => {
      const asked = Question.safeParse(request.query);
      if (!asked.success)
        return reply
          .code(400)
          .type(problem)
          .send({ title: 'The question cannot be answered', status: 400, detail: z.prettifyError(asked.error) });
      const { address: addresses, ...question } = asked.data;
      try {
        return await reply.send(await explainResolution({ ...question, addresses, organization, directory }));
      } catch (error) {
        if (!(error instanceof DirectoryUnavailable)) throw error;
        return reply.code(503).type(problem).send({ title: 'The directory does not answer', status: 503, detail: error.message });
      }
    });
    app.post('/v1/directory/cache::flush', async (_request, reply) => {
      if (await directory.flush()) return reply.code(204).send();
      return reply
        .code(503)
        .type(problem)
        .send({ title: 'The cache does not answer', status: 503, detail: 'only this process has forgotten its entries' });
    });
  };
}

const problem = 'application/problem+json';
