/**
 * What was made of bytes that come again and again: names of attributes, classes, servers. Comparing them is cheaper than making
 * the same text anew, and entries that share a text take less memory.
 */
export interface RecentlyRead<Made> {
  /** Of the bytes from `start` to `end`, exclusive. */
  get(buffer: Buffer, start: number, end: number): Made | undefined;
  /** Keeps what was made of the bytes `get` was asked for last; they end at `end`. */
  keep(buffer: Buffer, end: number, made: Made): void;
}

/** Longer texts are kept by nobody. */
const maxLength = 200;
/** So often it is looked whether bytes come again. */
const trial = 64;

/**
 * @param slots most texts it knows, an even number; a new one takes the place of another. When fewer than one in four come again it gives up:
 *        addresses are all different.
 */
export function recentlyRead<Made>(slots: number): RecentlyRead<Made> {
  const known = Array.from({ length: slots }, (): Known<Made> | undefined => undefined);
  let asked = 0;
  let hits = 0;
  let slot = -1; // of what was asked for last; none when it is not to be kept
  let from = 0;
  return {
    get(buffer, start, end) {
      const length = end - start;
      slot = -1;
      if (length === 0 || length > maxLength || (asked > trial && hits * 4 < asked)) return undefined;
      asked += 1;
      from = start;
      slot =
        ((((length * 31 + byte(buffer, start)) * 31 + byte(buffer, start + (length >> 1))) * 31 + byte(buffer, end - 1)) * 31 +
          byte(buffer, start + (length >> 2))) %
        slots;
      // Two places for each: two names that fall together must not drive each other out for ever.
      const candidate = same(known[slot], buffer, start, length) ?? same(known[slot ^ 1], buffer, start, length);
      if (candidate === undefined) return undefined;
      hits += 1;
      if (asked > 1_000_000) {
        asked = trial;
        hits = trial;
      }
      return candidate.made;
    },
    keep(buffer, end, made) {
      if (slot >= 0) known[known[slot] === undefined ? slot : slot ^ 1] = { bytes: Buffer.from(buffer.subarray(from, end)), made };
      slot = -1;
    },
  };
}

interface Known<Made> {
  bytes: Buffer;
  made: Made;
}

function same<Made>(known: Known<Made> | undefined, buffer: Buffer, start: number, length: number): Known<Made> | undefined {
  if (known === undefined || known.bytes.length !== length) return undefined;
  const { bytes } = known;
  for (let at = length - 1; at >= 0; at -= 1) if (bytes[at] !== buffer[start + at]) return undefined;
  return known;
}

function byte(buffer: Buffer, at: number): number {
  return buffer[at] ?? 0;
}
