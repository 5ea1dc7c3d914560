import { createHash, randomUUID } from 'node:crypto';
import type { ContentStore } from '@mailrail/content-store';
import type { Ledger } from '@mailrail/ledger';
import { derivedId } from '@mailrail/mail';
import { z } from 'zod';
import { HttpProblem, tryLater } from './problem.ts';

export interface IdempotencyOptions {
  ledger: Pick<Ledger, 'offer' | 'withdraw' | 'complete' | 'effects' | 'claim'>;
  contents: Pick<ContentStore, 'put'>;
  now?: () => number;
}

/** What a request was answered, as it is remembered. */
const Answered = z.object({ digest: z.string(), recipients: z.int().min(1), sizeBytes: z.int() });
export type Answered = z.output<typeof Answered>;

/** A request under a key, from its head to its answer. Exactly one of `done` and `withdraw` ends it. */
export interface KeyedRequest {
  rootId: string; // derived from client and key: every repeat is the same mail (R1)
  /** The answer an earlier request with this key had; the body then only has to be compared. */
  answered: Answered | undefined;
  /**
   * Call when the whole request is read and before anything is accepted.
   *
   * @param digest of everything that makes the request what it is.
   * @throws HttpProblem 422 when the key stands for another request, 503 when that cannot be found out.
   */
  confirm(digest: string): Promise<void>;
  done(answered: Answered): Promise<void>;
  /** It was not taken: the key is free for another attempt. Never rejects. */
  withdraw(): Promise<void>;
}

/** Another request with the key waits for so long when the one in hand died; its mail would be the same in any case. */
const inHandMs = 60_000;
/** Name space of identities made of keys. */
const keySpace = '6f1cfa3e-3a51-5d0a-9c55-0d3a4a1c7e02';

/**
 * Repeats by `Idempotency-Key`.
 *
 * The ledger remembers the answer (`dedupeWindow`, 6 h) and who has the key in hand. It may be silent or have forgotten: then the
 * mail has the identity that follows from the key all the same, so that the line drops a repeat, and which request the key stands for
 * is a note in the content store, written once (R5) before the mail is accepted and kept as long as bodies are. So no key ever
 * brings another message under the identity of the first.
 *
 * @param values of the header, one for each time it stands there.
 * @throws HttpProblem 400 for a key that is none, 409 while a request with the key is in hand.
 */
export async function openKeyed(
  values: readonly string[],
  client: string,
  { ledger, contents, now = Date.now }: IdempotencyOptions,
): Promise<KeyedRequest | undefined> {
  if (values.length === 0) return undefined;
  return keyedRequest(`${client}\n${keyOf(values)}`, { ledger, contents, now });
}

/** The same for a key that is not the client's to choose. */
export async function keyedRequest(name: string, { ledger, contents, now = Date.now }: IdempotencyOptions): Promise<KeyedRequest> {
  const rootId = derivedId(keySpace, name);
  const key = `http:${rootId}`;
  const attempt = randomUUID();
  const offer = await ledger.offer(key, attempt, now() + inHandMs);
  if (offer.kind === 'held') {
    const seconds = Math.max(1, Math.ceil((offer.untilMs - now()) / 1_000));
    throw new HttpProblem(409, 'in-flight', 'a request with this key is in hand', {
      headers: { 'retry-after': String(Math.min(seconds, 5)) },
    });
  }
  const answered = offer.kind === 'done' ? answerOf(offer.outcome) : undefined;
  return {
    rootId,
    answered,
    async confirm(digest) {
      if (answered !== undefined) {
        if (answered.digest !== digest) throw keyReused();
        return;
      }
      const note = Buffer.from(digest);
      let sha256: string;
      try {
        ({ sha256 } = await contents.put({ rootId, form: 'request' }, [note]));
      } catch {
        throw tryLater(503, 'storage', 'the message could not be stored', 10);
      }
      if (sha256 !== createHash('sha256').update(note).digest('hex')) throw keyReused();
    },
    async done(accepted) {
      await ledger.complete([{ key, outcome: JSON.stringify(accepted) }]);
    },
    withdraw: () => ledger.withdraw(key, attempt),
  };
}

/** A string of RFC 9651 §3.3.3, or the same without quotes: 1 to 255 printable ASCII characters. */
function keyOf([value = '', ...others]: readonly string[]): string {
  const key = /^"(.*)"$/.exec(value)?.[1] ?? value;
  if (others.length === 0 && /^[!-~](?:[ -~]{0,253}[!-~])?$/.test(key)) return key;
  throw new HttpProblem(400, 'idempotency-key', 'the Idempotency-Key must be one value of 1 to 255 printable ASCII characters');
}

function answerOf(outcome: string): Answered | undefined {
  try {
    return Answered.parse(JSON.parse(outcome));
  } catch {
    return undefined; // of another version: it goes through again, as the same mail
  }
}

function keyReused(): HttpProblem {
  return new HttpProblem(422, 'idempotency-key-reused', 'the Idempotency-Key was used for another request');
}
