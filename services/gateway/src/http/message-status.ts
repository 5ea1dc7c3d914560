import { Progress, progressKey } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { oneLine, recipientId, smtpMailbox } from '@mailrail/mail';
import { z } from 'zod';
import type { AcceptRequest } from '../accept.ts';
import type { Client } from './credentials.ts';
import { HttpProblem, tryLater } from './problem.ts';
import type { MessageStatus } from './schemas.ts';

/** What is remembered of a message that was accepted, as long as the ledger remembers anything (6 h). */
const Record = z.object({
  at: z.int(),
  client: z.string(),
  recipients: z.int(),
  sizeBytes: z.int(),
  known: z.array(z.string()), // typed, as they were given; the first of them
});

/** Recipients that are told of one by one. */
const mostRecipients = 100;

/** Remembers an accepted message. Not waited for: without it nobody can ask, and the mail is as safe. */
export function noteAccepted(
  ledger: Pick<Ledger, 'complete'>,
  { rootId, at, recipients }: Pick<AcceptRequest, 'recipients'> & { rootId: string; at: number },
  client: Pick<Client, 'name'>,
  sizeBytes: number,
): void {
  const given = [...new Set(recipients.map(({ address, original = address }) => original))];
  const known = given.slice(0, mostRecipients);
  const record: z.output<typeof Record> = { at, client: client.name, recipients: given.length, sizeBytes, known };
  ledger.complete([{ key: recordKey(rootId), outcome: JSON.stringify(record) }]).catch(() => {});
}

/**
 * What is known of a message: that it was accepted, and of each recipient its end, once there is one. A client sees its own.
 *
 * @throws HttpProblem 404 for what is not known (never taken by HTTP, too long ago, or another client's), 503 when the ledger is silent.
 */
export async function messageStatus(ledger: Pick<Ledger, 'effects'>, rootId: string, client: Client): Promise<MessageStatus> {
  const id = z.uuid().safeParse(rootId);
  if (!id.success) throw unknown();
  const key = id.data.toLowerCase();
  const record = recordOf(await found(ledger, [recordKey(key)]));
  if (record === undefined || !client.maySee(record.client)) throw unknown();
  const ends = await found(
    ledger,
    record.known.map((address) => progressKey(key, recipientId(key, address))),
  );
  const to = record.known.map((address, index) => {
    const progress = progressIn(ends[index]);
    const { state = 'accepted' as const, status, detail } = progress ?? {};
    return {
      address: oneLine(smtpMailbox(address) ?? address, 400),
      state,
      ...(status === undefined ? {} : { status }),
      ...(detail === undefined ? {} : { detail }),
    };
  });
  const ended = to.filter(({ state }) => state !== 'accepted').length;
  return {
    id: key,
    acceptedAt: new Date(record.at).toISOString(),
    sizeBytes: record.sizeBytes,
    recipients: record.recipients,
    state: ended === record.recipients ? 'ended' : 'under-way',
    to,
  };
}

async function found(ledger: Pick<Ledger, 'effects'>, keys: readonly string[]): Promise<(string | undefined)[]> {
  const effects = await ledger.effects(keys);
  if (effects === 'silent') throw tryLater(503, 'status-unavailable', 'what became of messages cannot be looked up now', 5);
  return effects.map((effect) => (effect?.kind === 'done' ? effect.outcome : undefined));
}

function recordOf([text]: readonly (string | undefined)[]): z.output<typeof Record> | undefined {
  return text === undefined ? undefined : Record.safeParse(jsonOf(text)).data;
}

function progressIn(text: string | undefined): Progress | undefined {
  return text === undefined ? undefined : Progress.safeParse(jsonOf(text)).data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // of another version
  }
}

function recordKey(rootId: string): string {
  return `http-mail:${rootId}`;
}

function unknown(): HttpProblem {
  return new HttpProblem(404, 'unknown-message', 'no message of yours with this id came in by HTTP in the last hours');
}
