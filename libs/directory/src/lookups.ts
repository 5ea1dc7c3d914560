import type { CacheTiers, Kind } from './cache-tiers.ts';
import type { Answer, Entry } from './port.ts';

/** Looks questions up; the answer has a value for each, keyed by `keyOf`. */
export type Lookups<Found> = (questions: readonly string[]) => Promise<Answer<Map<string, Found>>>;

interface LookupOptions<Found> {
  kind: Kind;
  tiers: CacheTiers;
  batch: number;
  count: (tier: 'process' | 'redis' | 'directory' | 'stale', by: number) => void;
  /** Asks the directory itself; what it does not know has no key in the answer. */
  ask: (questions: readonly string[]) => Promise<Answer<Map<string, Found>>>;
  keyOf: (question: string) => string;
  entriesOf: (found: Found) => Entry[];
  fromEntries: (entries: Entry[]) => Found;
  nothing: Found;
}

/** One kind of question through all tiers. What is asked within one turn of the event loop goes out together. */
export function lookups<Found>(options: LookupOptions<Found>): Lookups<Found> {
  const { kind, tiers, batch, count, ask, keyOf, entriesOf, fromEntries, nothing } = options;
  type Asked = { question: string; settle: (answer: Answer<Found>) => void };
  const inFlight = new Map<string, Promise<Answer<Found>>>();
  let gathered = new Map<string, Asked>();

  const later = (key: string, question: string): Promise<Answer<Found>> => {
    const { promise, resolve } = Promise.withResolvers<Answer<Found>>();
    if (gathered.size === 0) setImmediate(goOut);
    gathered.set(key, { question, settle: resolve });
    inFlight.set(key, promise);
    return promise;
  };

  const goOut = () => {
    const asked = gathered;
    gathered = new Map();
    work(asked).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      for (const [key, one] of asked) settle(key, one, { ok: false, reason });
    });
  };

  const settle = (key: string, one: Asked, answer: Answer<Found>) => {
    inFlight.delete(key);
    one.settle(answer);
  };

  const work = async (asked: Map<string, Asked>): Promise<void> => {
    const keys = [...asked.keys()];
    const shared = await tiers.shared(kind, keys);
    const era = tiers.era();
    const missing: { key: string; one: Asked; stale: Entry[] | undefined }[] = [];
    let fromShared = 0;
    keys.forEach((key, index) => {
      const one = asked.get(key);
      const known = shared[index];
      if (one === undefined) return;
      if (known?.fresh === true) {
        fromShared += 1;
        tiers.keepInProcess(kind, key, known.entries, era);
        settle(key, one, { ok: true, value: fromEntries(known.entries) });
      } else missing.push({ key, one, stale: known?.entries ?? tiers.inProcess(kind, key)?.entries });
    });
    count('redis', fromShared);
    const batches: Promise<void>[] = [];
    for (let at = 0; at < missing.length; at += batch) batches.push(fromDirectory(missing.slice(at, at + batch), era));
    await Promise.all(batches);
  };

  const fromDirectory = async (missing: readonly { key: string; one: Asked; stale: Entry[] | undefined }[], era: string): Promise<void> => {
    const answer = await ask(missing.map(({ one }) => one.question));
    if (answer.ok) {
      count('directory', missing.length);
      const known = missing.map(({ key }) => ({ key, entries: entriesOf(answer.value.get(key) ?? nothing) }));
      tiers.keepShared(kind, known, era);
      missing.forEach(({ key, one }, index) => {
        const entries = known[index]?.entries ?? [];
        tiers.keepInProcess(kind, key, entries, era);
        settle(key, one, { ok: true, value: fromEntries(entries) });
      });
      return;
    }
    // The directory is away: what was known before is better than waiting, and an unknown one stays a question.
    count('stale', missing.filter(({ stale }) => stale !== undefined).length);
    for (const { key, one, stale } of missing) settle(key, one, stale === undefined ? answer : { ok: true, value: fromEntries(stale) });
  };

  return async (questions) => {
    const found = new Map<string, Found>();
    const waiting: { key: string; promise: Promise<Answer<Found>> }[] = [];
    let fromProcess = 0;
    for (const question of questions) {
      const key = keyOf(question);
      if (found.has(key)) continue;
      const known = tiers.inProcess(kind, key);
      if (known?.fresh === true) {
        fromProcess += 1;
        found.set(key, fromEntries(known.entries));
      } else waiting.push({ key, promise: inFlight.get(key) ?? later(key, question) });
    }
    count('process', fromProcess);
    for (const { key, promise } of waiting) {
      const answer = await promise;
      if (!answer.ok) return answer;
      found.set(key, answer.value);
    }
    return { ok: true, value: found };
  };
}
