import { z } from 'zod';

/** Most mails in one bus message, and most bytes of one with more than a single mail (B1). */
export const maxMailsPerBag = 16;
export const maxBagBytes = 65_536;

/** The wrapper of a bus message. Each mail is parsed on its own, so that one unreadable mail does not hold the others (B2). */
export const Bag = z.object({
  schema: z.string().regex(/^[a-z0-9.-]{1,80}\.v\d{1,4}$/),
  mails: z.array(z.unknown()).min(1).max(maxMailsPerBag),
});
export type Bag = z.output<typeof Bag>;

/** `mts-in.v1` -> `{ station: 'mts-in', version: 1 }`. */
export function parseSchemaName(schema: string): { station: string; version: number } | undefined {
  const found = /^(.+)\.v(\d{1,4})$/.exec(schema);
  return found === null ? undefined : { station: found[1] ?? '', version: Number(found[2]) };
}
