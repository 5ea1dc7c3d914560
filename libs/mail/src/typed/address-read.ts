/** What came of reading foreign text as an address. `reason` is a clause for a person: `"a= " is there twice`. */
export type Read<Value> = { ok: true; value: Value } | { ok: false; reason: string };

export function good<Value>(value: Value): Read<Value> {
  return { ok: true, value };
}

export function wrong(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}

/** Text in which blanks at the ends and runs of blanks have no meaning, as most foreign systems see it. */
export function squeezed(text: string): string {
  return text.trim().replace(/ {2,}/g, ' ');
}

/** A control character, or half of a surrogate pair: never part of an address, whatever its type. */
export const unprintable = /[\p{Cc}\p{Cs}]/u;
