/** Runs work on one key after the other; work on different keys side by side. */
export type KeyLocks = <Value>(key: string, work: () => Promise<Value>) => Promise<Value>;

export function keyLocks(): KeyLocks {
  const last = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const before = last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    last.set(key, mine);
    const forget = () => {
      if (last.get(key) === mine) last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  };
}
