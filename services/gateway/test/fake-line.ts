import type { Envelope } from '@mailrail/contracts';
import type { GatewayLine, LineState } from '../src/accept.ts';

export interface FakeLine extends GatewayLine {
  accepted: { station: string; mail: Envelope }[];
  told: Parameters<NonNullable<GatewayLine['tell']>>[0][];
  published: number; // confirmed or not
  now: LineState;
  /** Decides about one mail: a code refuses it. */
  verdict: (mail: Envelope, index: number) => 'unconfirmed' | 'blocked' | 'full' | 'down' | undefined;
  /** Waited for before a mail is confirmed. */
  gate: Promise<void>;
}

/** A way into the line that remembers what it was given. */
export function fakeLine(): FakeLine {
  let index = 0;
  const line: FakeLine = {
    accepted: [],
    told: [],
    published: 0,
    now: 'up',
    verdict: () => undefined,
    gate: Promise.resolve(),
    state: () => line.now,
    tell: (event) => void line.told.push(event),
    async accept(station, mail) {
      const code = line.verdict(mail, index++);
      line.published++;
      await line.gate;
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      line.accepted.push({ station, mail });
    },
  };
  return line;
}
