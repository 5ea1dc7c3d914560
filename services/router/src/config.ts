import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z.object(serviceConfig);
export type Config = z.output<typeof Config>;
