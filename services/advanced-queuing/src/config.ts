import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z.object({
  ...serviceConfig,
  REPORT_FULL_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(52_428_800)
    .default(1_048_576)
    .describe('a failed message up to this size is returned whole when its sender asked for it (RET=FULL)'),
  REPORT_UNASKED_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(52_428_800)
    .default(65_536)
    .describe('a failed message up to this size is returned whole when its sender asked for nothing'),
});
export type Config = z.output<typeof Config>;
