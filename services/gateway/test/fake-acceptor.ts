import { organizationOf } from '@mailrail/organization';
import { newRootId } from '@mailrail/mail';
import { replies } from '@mailrail/smtp';
import type { Accepted, Acceptor, AcceptRequest, Refused } from '../src/accept.ts';

/** A message as it came through the acceptor, completely. */
export interface TakenMessage {
  request: AcceptRequest;
  bytes: Buffer;
}

export interface FakeAcceptor extends Acceptor {
  /** Messages that were told yes. */
  taken: TakenMessage[];
  begun: number;
  aborted: number;
  /** Answers of the next calls; undefined is yes. */
  answers: { obstacle?: Refused | undefined; begin?: Refused | undefined; finish?: Refused | undefined };
  /** Waited for in `finish`. */
  gate: Promise<void>;
  /** Called with each chunk. */
  onWrite: (chunk: Buffer) => Promise<void> | undefined;
}

/** Takes everything and remembers it. */
export function fakeAcceptor({ keepBytes = true }: { keepBytes?: boolean } = {}): FakeAcceptor {
  const fake: FakeAcceptor = {
    taken: [],
    begun: 0,
    aborted: 0,
    answers: {},
    gate: Promise.resolve(),
    onWrite: () => undefined,
    inHand: 0,
    obstacle: () => fake.answers.obstacle,
    begin(request) {
      if (fake.answers.begin !== undefined) return fake.answers.begin;
      fake.begun += 1;
      const parts: Buffer[] = [];
      let sizeBytes = 0;
      let open = true;
      const rootId = request.rootId ?? newRootId();
      return {
        ok: true,
        rootId,
        write(chunk) {
          sizeBytes += chunk.length;
          if (keepBytes) parts.push(chunk);
          return fake.onWrite(chunk);
        },
        async finish(): Promise<Accepted | Refused> {
          await fake.gate;
          open = false;
          if (fake.answers.finish !== undefined) return fake.answers.finish;
          fake.taken.push({ request, bytes: Buffer.concat(parts) });
          return { ok: true, rootId, recipients: request.recipients.length, mails: 1, sizeBytes };
        },
        async abort() {
          if (open) fake.aborted += 1;
          open = false;
        },
      };
    },
  };
  return fake;
}

export function refusal(cause: Refused['cause']): Refused {
  return { ok: false, cause, reply: replies.localError };
}

export function organization(limits: Partial<Record<'messageBytes' | 'headerBytes', string>> & { recipientsPerMessage?: number } = {}) {
  return organizationOf({ hostname: 'gw.corp.example', limits });
}
