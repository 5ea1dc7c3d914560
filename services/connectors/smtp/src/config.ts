import { isIP } from 'node:net';
import { optionalText, sessionConfig } from '@mailrail/hand-over';
import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z.object({
  ...serviceConfig,
  ...sessionConfig,
  TLS_CA: optionalText.describe('file (PEM) of authorities to trust beside the well-known ones'),
  DNS_SERVERS: optionalText
    .refine((list) => (list ?? '').split(',').every((one) => list === undefined || isIP(one) !== 0), {
      message: 'addresses of name servers, separated by commas',
    })
    .describe('name servers to ask for MX, separated by commas; default the system’s'),
});
export type Config = z.output<typeof Config>;
