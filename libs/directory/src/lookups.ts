import { setTimeout as delay } from 'node:timers/promises';
import type { CacheTiers, Kind } from './cache-tiers.ts';
import type { Answer, Entry } from './port.ts';

/** Looks questions up; the answer has a value for each, keyed by `keyOf`. */
export type Lookups<Found> = (questions: readonly string[]) => Promise<Answer<Map<string, Found>>>;

interface LookupOptions<Found> {
  kind: Kind;
  tiers: CacheTiers;
  batch: number;
  leaseMs: number; // see CacheOptions
  count: (tier: 'process' | 'redis' | 'directory' | 'stale', by: number) => void;
  /** Asks the directory itself; what it does not know has no key in the answer. */
  ask: (questions: readonly string[]) => Promise<Answer<Map<string, Found>>>;
  keyOf: (question: string) => string;
  entriesOf: (found: Found) => Entry[];
  fromEntries: (entries: Entry[]) => Found;
  nothing: Found;
}

/** How often it is looked whether another process has its answer by now. */
const firstLookMs = 4;
const lastLookMs = 64;

/** One kind of question through all tiers. What is asked within one turn of the event loop goes out together. */
export function lookups<Found>(options: LookupOptions<Found>): Lookups<Found> {
  const { kind, tiers, batch, leaseMs, count, ask, keyOf, entriesOf, fromEntries, nothing } = options;
  /** A question on its way, and everybody who wants the answer: one promise for each call, not for each of its questions. */
  type Asked = { question: string; hears: ((key: string, answer: Answer<Found>) => void)[] };
  const inFlight = new Map<string, Asked>();
  let gathered = new Map<string, Asked>();

  const later = (key: string, question: string): Asked => {
    if (gathered.size === 0) setImmediate(goOut);
    const asked: Asked = { question, hears: [] };
    gathered.set(key, asked);
    inFlight.set(key, asked);
    return asked;
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
    for (const hear of one.hears) hear(key, answer);
  };

  type Missing = { key: string; one: Asked; stale: Entry[] | undefined };

  const work = async (asked: Map<string, Asked>): Promise<void> => {
    const era = { is: '' };
    const missing = await fromShared(
      [...asked].map(([key, one]) => ({ key, one, stale: undefined })),
      era,
    );
    if (missing.length === 0) return;
    const { asking, waiting, ours } = await leased(missing, era);
    await Promise.all([inBatches(asking, ours, era.is), fromOthers(waiting)]);
  };

  /** Settles what the shared store knows. @returns the rest. @param era is set to what the answer belongs to. */
  const fromShared = async (asked: readonly Missing[], era: { is: string }): Promise<Missing[]> => {
    const shared = await tiers.shared(
      kind,
      asked.map(({ key }) => key),
    );
    era.is = tiers.era();
    const missing: Missing[] = [];
    asked.forEach(({ key, one, stale }, index) => {
      const known = shared[index];
      if (known?.fresh === true) {
        tiers.keepInProcess(key, known.entries, era.is);
        settle(key, one, { ok: true, value: fromEntries(known.entries) });
      } else missing.push({ key, one, stale: known?.entries ?? stale ?? tiers.inProcess(key)?.entries });
    });
    count('redis', asked.length - missing.length);
    return missing;
  };

  /**
   * Waits for what other processes are asking. One that fails gives its lease back, so the first that looks asks instead; one that
   * died does not, so after `leaseMs` everybody asks for himself.
   */
  const fromOthers = async (asked: readonly Missing[]): Promise<void> => {
    const until = performance.now() + leaseMs;
    const work: Promise<void>[] = [];
    const era = { is: '' };
    let left = asked;
    for (let pauseMs = firstLookMs; left.length > 0; pauseMs = Math.min(lastLookMs, 2 * pauseMs)) {
      await delay(pauseMs);
      left = await fromShared(left, era);
      if (performance.now() >= until) {
        work.push(inBatches(left, none, era.is));
        break;
      }
      if (left.length === 0) break;
      const { asking, waiting, ours } = await leased(left, era);
      if (asking.length > 0) work.push(inBatches(asking, ours, era.is));
      left = waiting;
    }
    await Promise.all(work);
  };

  /** What nobody else is asking is ours to ask. */
  const leased = async (missing: readonly Missing[], era: { is: string }) => {
    const ours = await tiers.lease(
      kind,
      missing.map(({ key }) => key),
    );
    if (ours === undefined) return { asking: missing, waiting: [], ours: none };
    const mine = missing.filter(({ key }) => ours.has(key));
    // Between our look and our lease another may have got the answer and given his lease back.
    const asking = mine.length === 0 ? mine : await fromShared(mine, era);
    if (asking.length < mine.length) {
      const left = new Set(asking);
      tiers.release(
        kind,
        mine.filter((one) => !left.has(one)).map(({ key }) => key),
      );
    }
    return { asking, waiting: mine.length === missing.length ? [] : missing.filter(({ key }) => !ours.has(key)), ours };
  };

  const inBatches = async (missing: readonly Missing[], leased: ReadonlySet<string>, era: string): Promise<void> => {
    const batches: Promise<void>[] = [];
    for (let at = 0; at < missing.length; at += batch) {
      const some = missing.slice(at, at + batch);
      batches.push(
        fromDirectory(some, era).finally(() =>
          tiers.release(
            kind,
            some.map(({ key }) => key).filter((key) => leased.has(key)),
          ),
        ),
      );
    }
    await Promise.all(batches);
  };

  const fromDirectory = async (missing: readonly Missing[], era: string): Promise<void> => {
    const answer = await ask(missing.map(({ one }) => one.question));
    if (answer.ok) {
      count('directory', missing.length);
      const known = missing.map(({ key }) => ({ key, entries: entriesOf(answer.value.get(key) ?? nothing) }));
      tiers.keepShared(kind, known, era);
      missing.forEach(({ key, one }, index) => {
        const entries = known[index]?.entries ?? [];
        tiers.keepInProcess(key, entries, era);
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
    const waiting: Asked[] = [];
    const wanted = new Set<string>();
    let fromProcess = 0;
    for (const question of questions) {
      const key = keyOf(question);
      if (found.has(key) || wanted.has(key)) continue;
      const known = tiers.inProcess(key);
      if (known?.fresh === true) {
        fromProcess += 1;
        found.set(key, fromEntries(known.entries));
      } else {
        waiting.push(inFlight.get(key) ?? later(key, question));
        wanted.add(key);
      }
    }
    count('process', fromProcess);
    if (waiting.length === 0) return { ok: true, value: found };
    const { promise, resolve } = Promise.withResolvers<Answer<Map<string, Found>>>();
    let left = waiting.length;
    const hear = (key: string, answer: Answer<Found>) => {
      if (!answer.ok) {
        resolve(answer);
        return;
      }
      found.set(key, answer.value);
      left -= 1;
      if (left === 0) resolve({ ok: true, value: found });
    };
    for (const asked of waiting) asked.hears.push(hear);
    return promise;
  };
}

const none: ReadonlySet<string> = new Set();
