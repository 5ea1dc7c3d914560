/**
 * A map with a bound: what was not used for long goes first. Each value weighs something, and the whole at most `capacity`; one of
 * more than half of that is not kept.
 */
export interface Lru<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value, weight?: number): void;
  delete(key: string): void;
  clear(): void;
  readonly weight: number;
}

interface Row<Value> {
  value: Value;
  weight: number;
}

/**
 * Two generations instead of an order: what is used moves to the young one, and when that has half of the capacity the old one
 * is dropped as a whole. A value that is used again and again costs no more than a look.
 */
export function lru<Value>(capacity: number): Lru<Value> {
  let young = new Map<string, Row<Value>>();
  let old = new Map<string, Row<Value>>();
  let youngWeight = 0;
  let oldWeight = 0;
  const keep = (key: string, row: Row<Value>) => {
    if (youngWeight + row.weight > capacity / 2) {
      old = young;
      oldWeight = youngWeight;
      young = new Map();
      youngWeight = 0;
    }
    young.set(key, row);
    youngWeight += row.weight;
  };
  const remove = (key: string) => {
    const row = young.get(key);
    if (row !== undefined) {
      young.delete(key);
      youngWeight -= row.weight;
    } else if (oldWeight > 0) {
      const before = old.get(key);
      if (before === undefined) return;
      old.delete(key);
      oldWeight -= before.weight;
    }
  };
  return {
    get(key) {
      const row = young.get(key);
      if (row !== undefined) return row.value;
      const before = oldWeight > 0 ? old.get(key) : undefined;
      if (before === undefined) return undefined;
      old.delete(key);
      oldWeight -= before.weight;
      keep(key, before);
      return before.value;
    },
    set(key, value, weight = 1) {
      remove(key);
      if (weight <= capacity / 2) keep(key, { value, weight });
    },
    delete: remove,
    clear() {
      young.clear();
      old.clear();
      youngWeight = 0;
      oldWeight = 0;
    },
    get weight() {
      return youngWeight + oldWeight;
    },
  };
}
