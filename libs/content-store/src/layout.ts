import { timeOfId } from '@mailrail/mail';
import { ContentStoreError } from './port.ts';

/**
 * Where a stored form lies. The reference is `<rootId>.<form>`; the folder follows from the identity alone, so a reader needs
 * nothing but the reference, and nothing a message says can name a path.
 */
export interface Place {
  ref: string;
  folder: string; // relative: `2026-03-01T09/41`, or `derived/7f` for an identity that carries no time
}

const refGrammar = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.((?=.{1,64}$)[a-z0-9]+(?:[._-][a-z0-9]+)*)$/;

/** After this a year has more than four digits, and no clock that is right says it. */
const endOfTimes = Date.UTC(10_000, 0);

/** @throws ContentStoreError `invalid` for what no store of ours has ever given out. */
export function placeOfRef(ref: string): Place {
  const rootId = refGrammar.exec(ref)?.[1];
  if (rootId === undefined) throw new ContentStoreError('invalid', 'not a reference of this store');
  const time = timeOfId(rootId);
  return { ref, folder: time === undefined || time >= endOfTimes ? `derived/${rootId.slice(0, 2)}` : folderOfTime(time) };
}

/**
 * @param form what the bytes are: lower-case letters and digits in words joined by `.`, `-` or `_`, at most 64 characters.
 * @throws ContentStoreError `invalid`
 */
export function placeOfKey({ rootId, form }: { rootId: string; form: string }): Place {
  return placeOfRef(`${rootId.toLowerCase()}.${form}`); // the case of a UUID means nothing, RFC 9562 §4
}

/** When a body's identity was made; undefined when its identity carries no time. */
export function timeOfRef(ref: string): number | undefined {
  const time = timeOfId(ref);
  return time === undefined || time >= endOfTimes ? undefined : time;
}

let lastMinute = Number.NaN;
let lastFolder = '';

/** `2026-03-01T09/41`, in UTC. Nearly every call is about the minute of the call before. */
function folderOfTime(time: number): string {
  const minute = Math.floor(time / 60_000);
  if (minute !== lastMinute) {
    const text = new Date(minute * 60_000).toISOString();
    lastFolder = `${text.slice(0, 13)}/${text.slice(14, 16)}`;
    lastMinute = minute;
  }
  return lastFolder;
}

/** When an hour folder begins, milliseconds since the epoch; undefined for any other name. */
export function timeOfHourFolder(name: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d$/.test(name)) return undefined;
  const time = Date.parse(`${name}:00:00.000Z`);
  return Number.isNaN(time) ? undefined : time;
}
