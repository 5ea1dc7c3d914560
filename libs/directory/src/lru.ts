/** A map with a bound: what was used longest ago goes first. Each value weighs something, and the whole at most `capacity`. */
export interface Lru<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value, weight?: number): void;
  delete(key: string): void;
  clear(): void;
  readonly weight: number;
}

export function lru<Value>(capacity: number): Lru<Value> {
  const rows = new Map<string, { value: Value; weight: number }>(); // in the order of use, oldest first
  let weight = 0;
  const remove = (key: string) => {
    const row = rows.get(key);
    if (row === undefined) return;
    rows.delete(key);
    weight -= row.weight;
  };
  return {
    get(key) {
      const row = rows.get(key);
      if (row === undefined) return undefined;
      rows.delete(key);
      rows.set(key, row);
      return row.value;
    },
    set(key, value, own = 1) {
      remove(key);
      if (own > capacity) return;
      rows.set(key, { value, weight: own });
      weight += own;
      for (const oldest of rows.keys()) {
        if (weight <= capacity) break;
        remove(oldest);
      }
    },
    delete: remove,
    clear() {
      rows.clear();
      weight = 0;
    },
    get weight() {
      return weight;
    },
  };
}
