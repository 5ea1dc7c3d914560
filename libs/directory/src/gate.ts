import type { Answer } from './port.ts';

/** Lets at most `places` pieces of work run at once; the others wait in order. */
export function gate(places: number): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let free = places;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next(); // the place changes hands, so nobody can come in between
    }
  };
}

/** An answer within the time, or none: a directory that is late or throws is one that did not answer. */
export async function withTimeout<Value>(question: () => Promise<Answer<Value>>, timeoutMs: number): Promise<Answer<Value>> {
  const late = Promise.withResolvers<Answer<Value>>();
  const timer = setTimeout(() => late.resolve({ ok: false, reason: `no answer within ${timeoutMs} ms` }), timeoutMs);
  try {
    return await Promise.race([question(), late.promise]);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
