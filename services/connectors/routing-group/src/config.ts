import { optionalText, sessionConfig } from '@mailrail/hand-over';
import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z
  .object({
    ...serviceConfig,
    ...sessionConfig,
    SITE_SECRET: optionalText.describe('what the sites know each other by: AUTH with the name of our site'),
    SITE_CA: optionalText.describe('file (PEM) of the authority that signs certificates of peer sites'),
    TLS_CERT: optionalText.describe('file (PEM) of the certificate that proves our site'),
    TLS_KEY: optionalText.describe('file (PEM) of its key'),
  })
  .refine((config) => (config.TLS_CERT === undefined) === (config.TLS_KEY === undefined), {
    message: 'TLS_CERT and TLS_KEY come together',
    path: ['TLS_KEY'],
  });
export type Config = z.output<typeof Config>;
