import type { Bus } from '@mailrail/broker';
import type { Envelope, MailEncoder } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { newCopyId, oneLine } from '@mailrail/mail';
import type { Log, Metrics } from '@mailrail/telemetry';
import { exchanges, parkedKey, routingKey } from '@mailrail/topology';
import { countParked, parkedFacts, pinBody } from './parked-mail.ts';

/** Pins a body before its mail is parked, so that no sweep takes it (R13). */
export interface Pin {
  hold(ref: string): Promise<void>;
}

export interface ParkingDeps {
  bus: Pick<Bus, 'publish'>;
  ledger: Ledger;
  log: Log;
  metrics: Pick<Metrics, 'badmail'>;
  content: Pin | undefined;
  encode: MailEncoder;
  stage: string;
  station: string;
}

/** Puts what cannot be worked into the badmail lane of its station, with the reason and a return ticket a person can read in the console. */
export function parking({ bus, ledger, log, metrics, content, encode, stage, station }: ParkingDeps) {
  const publish = (body: Buffer, type: string, headers: Record<string, string | number>, epoch: number) =>
    bus.publish(
      {
        exchange: exchanges.mail,
        key: parkedKey(station),
        body,
        messageId: newCopyId(),
        type,
        headers: { ...headers, stage, 'return-to': routingKey(station) },
      },
      epoch,
    );

  return {
    /** A mail that was read. */
    async mail(mail: Envelope, reason: string, cause: string, epoch: number): Promise<void> {
      await pinBody(content, mail, log);
      const { schema, mail: written } = encode(station, mail);
      const body = Buffer.from(JSON.stringify({ schema, mails: [written] }));
      await publish(body, schema, { mails: 1, ...parkedFacts(mail), reason: oneLine(reason), cause }, epoch);
      await countParked(ledger, mail);
      metrics.badmail.inc({ cause });
    },

    /** One mail of a readable bag that does not fit its contract: as it was, with the place it had (B2). */
    async rawMail(raw: unknown, schema: string, reason: string, bag: { id: string; index: number }, epoch: number): Promise<void> {
      const body = Buffer.from(JSON.stringify({ schema, mails: [raw] }));
      await publish(
        body,
        schema,
        { mails: 1, reason: oneLine(reason), cause: 'unreadable mail', 'bag-id': bag.id, 'bag-index': bag.index },
        epoch,
      );
      metrics.badmail.inc({ cause: 'unreadable mail' });
    },

    /** A whole message nobody here can read: bytes untouched. */
    async message(bytes: Buffer, type: string, reason: string, cause: string, epoch: number): Promise<void> {
      await publish(bytes, type, { reason: oneLine(reason), cause }, epoch);
      metrics.badmail.inc({ cause });
    },
  };
}
export type Parking = ReturnType<typeof parking>;
