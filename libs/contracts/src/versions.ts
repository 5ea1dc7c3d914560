import type { z } from 'zod';
import type { Envelope } from './mail.ts';

/** An earlier version of a contract, beside the current one for as long as mail of it may be on the bus (R17). */
export interface PreviousVersion {
  readonly version: number;
  readonly name: string;
  /** A mail of this version as one of the current version, checked against both. */
  readonly read: (raw: unknown) => z.ZodSafeParseResult<unknown>;
  /** A mail of the current version as one of this; `undefined` when it does not fit its own contract. */
  readonly write: (mail: unknown) => unknown;
}

/** What a station's bags hold. */
export interface Contract<Schema extends z.ZodType = z.ZodType> {
  readonly station: string;
  readonly version: number;
  readonly name: string; // `<station>.v<version>`, the AMQP type of a bag
  readonly schema: Schema;
  /** Earlier versions that are still read, and written where a deployment says so. */
  readonly previous: readonly PreviousVersion[];
  /** What this release writes: the version that the release before it reads, too. */
  readonly writes: number;
}

/** One row of `previous` before it belongs to a contract. */
export type PreviousOf<Schema extends z.ZodType> = (station: string, current: Schema) => PreviousVersion;

/**
 * Declares an earlier version.
 *
 * @param change `upgrade` makes a mail of the current version of one of this, `downgrade` the reverse; neither asks anybody, and
 *        `downgrade(upgrade(mail))` is the mail again, else a roll-back loses something.
 */
export function previously<Old extends z.ZodType, Schema extends z.ZodType>(
  version: number,
  schema: Old,
  change: { upgrade: (mail: z.output<Old>) => z.input<Schema>; downgrade: (mail: z.output<Schema>) => z.input<Old> },
): PreviousOf<Schema> {
  return (station, current) => ({
    version,
    name: `${station}.v${version}`,
    read: (raw) => {
      const old = schema.safeParse(raw);
      return old.success ? current.safeParse(change.upgrade(old.data)) : old;
    },
    write: (mail) => {
      const parsed = current.safeParse(mail);
      return parsed.success ? change.downgrade(parsed.data) : undefined;
    },
  });
}

/**
 * Declares the contract of a station.
 *
 * @param options `previous` versions, and which one is written; by default the current. A new version is first only read: its
 *        release writes the one before, the next release writes it (R17).
 */
export function contract<const Station extends string, Schema extends z.ZodType>(
  station: Station,
  version: number,
  schema: Schema,
  options: { previous?: readonly PreviousOf<Schema>[]; writes?: number } = {},
) {
  const previous = (options.previous ?? []).map((one) => one(station, schema));
  const made = { station, version, name: `${station}.v${version}`, schema, previous, writes: options.writes ?? version };
  return made satisfies Contract<Schema>;
}

/** Parses one mail of a bag as a mail of the contract's current version. */
export type MailReader = (raw: unknown) => z.ZodSafeParseResult<unknown>;

/** @returns `newer` for a version that a later release writes, `older` for one that is read no longer. */
export function readerOf(of: Contract, version: number): MailReader | 'newer' | 'older' {
  if (version === of.version) return (raw) => of.schema.safeParse(raw);
  if (version > of.version) return 'newer';
  return of.previous.find((one) => one.version === version)?.read ?? 'older';
}

/** A mail as it goes into a bag of `schema`. */
export interface EncodedMail {
  schema: string;
  mail: unknown;
}

/**
 * How mails of a contract are written. One that does not fit its own contract goes as it is, under the current name: its reader
 * parks it with the reason, and nothing of it is lost by a conversion.
 *
 * @throws RangeError for a version this release does not know.
 */
export function writerOf(of: Contract, version = of.writes): (mail: Envelope) => EncodedMail {
  if (version === of.version) return (mail) => ({ schema: of.name, mail });
  const old = of.previous.find((one) => one.version === version);
  if (old === undefined) {
    const known = [of.version, ...of.previous.map((one) => one.version)].join(', ');
    throw new RangeError(`${of.station} has no version ${version} here; there is ${known}`);
  }
  return (mail) => {
    const written = old.write(mail);
    return written === undefined ? { schema: of.name, mail } : { schema: old.name, mail: written };
  };
}
