import type { Content, ForeignMessage, Recipient } from '@mailrail/contracts';
import type { Directory } from '@mailrail/directory';
import type { HeaderFacts } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { AddressMap } from '../address-map.ts';
import type { HeaderStore } from '../read-header.ts';

/** What a dialect may use. No disk, clock or network of its own: the same message always gives the same result. */
export interface DialectDeps {
  content: HeaderStore;
  addresses: AddressMap;
  organization: OrganizationSnapshot;
  /** Who is asked for the owners of foreign addresses; without it templates and encapsulation do. */
  directory?: Pick<Directory, 'byAddress'> | undefined;
}

/** What a dialect made of a foreign message. */
export type Translation =
  /** An Internet message: content as it is stored, envelope in the organization's form. Recipients keep `id` and `original`. */
  | { kind: 'message'; content: Content; sender: string | null; recipients: Recipient[]; header: HeaderFacts }
  /** The store or the directory does not answer now; `reason` says which. */
  | { kind: 'unavailable'; reason: string }
  /** The bytes are not there; either they come late (a replica behind) or they never will. */
  | { kind: 'missing'; reason: string }
  /** The bytes are there and are no message of this dialect: nobody can make one of them. */
  | { kind: 'unreadable'; reason: string };

/**
 * One foreign format: how its messages become Internet messages. What it makes anew it puts into the content store by a key
 * derived from the mail, so that a repeat makes the same bytes (R5). How a message gets from the wire or a folder into the
 * store, and its envelope, is the gateway's part of the dialect.
 */
export interface Dialect {
  /** As in `origin.dialect`, one word or several for the same format. */
  readonly names: readonly string[];
  translate(mail: ForeignMessage, deps: DialectDeps): Promise<Translation>;
}

/**
 * The dialects a translator knows, by the word in `origin.dialect`.
 *
 * @throws RangeError when two claim the same word: a mistake of ours, found at start.
 */
export function dialectRegistry(dialects: readonly Dialect[]): ReadonlyMap<string, Dialect> {
  const byName = new Map<string, Dialect>();
  for (const dialect of dialects) {
    for (const name of dialect.names) {
      if (byName.has(name)) throw new RangeError(`two dialects are called ${name}`);
      byName.set(name, dialect);
    }
  }
  return byName;
}
