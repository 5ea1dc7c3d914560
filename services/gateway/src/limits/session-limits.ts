import { type Reply, replies } from '@mailrail/smtp';
import type { SmtpSettings } from '../smtp-listeners.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Amount, Measure, Rates } from './rates.ts';

const replyTo: Readonly<Record<Measure, Reply>> = {
  connections: replies.tooManyConnections,
  mails: replies.tooManyMailsLately,
  recipients: replies.tooManyRecipientsLately,
  bytes: replies.tooManyBytesLately,
  unknownRecipients: replies.tooManyUnknownLately,
};

/** Who talks in a session just now. */
export interface Client {
  address: string;
  user: string | undefined; // who authenticated
}

type Decision = Promise<Reply | undefined> | undefined;

/**
 * The limits of one listener as a session meets them. What a method returns is the refusal, if any, or `undefined` at once where
 * nothing is limited, so that a listener without limits waits for nobody.
 */
export class SessionLimits {
  readonly #limits: RateLimits;
  readonly #settings: Pick<SmtpSettings, 'name' | 'perAddress' | 'perAccount'>;

  constructor(limits: RateLimits, settings: Pick<SmtpSettings, 'name' | 'perAddress' | 'perAccount'>) {
    this.#limits = limits;
    this.#settings = settings;
  }

  connection(address: string): Decision {
    return this.#one('address', address, this.#settings.perAddress, [{ measure: 'connections', by: 1, need: 1 }]);
  }

  login(user: string): Decision {
    return this.#one('account', user, this.#settings.perAccount, [{ measure: 'connections', by: 1, need: 1 }]);
  }

  /** @param sizeBytes as it was declared; the bytes themselves are counted when they have come. */
  mail(client: Client, sizeBytes = 1): Decision {
    return this.#both(client, [
      { measure: 'mails', by: 1, need: 1 },
      { measure: 'bytes', by: 0, need: Math.max(1, sizeBytes) },
    ]);
  }

  /** Whoever has asked for too many unknown recipients gets no answer about any: a 250 among refusals would tell, too. */
  recipient(client: Client): Decision {
    return this.#both(client, [
      { measure: 'recipients', by: 1, need: 1 },
      { measure: 'unknownRecipients', by: 0, need: 1 },
    ]);
  }

  /** @returns never a refusal: it is counted, so that another session of the client sees it before this one goes on. */
  unknownRecipient(client: Client): Decision {
    return this.#both(client, [{ measure: 'unknownRecipients', by: 1, need: 0 }]);
  }

  content(client: Client, sizeBytes: number): void {
    void this.#both(client, [{ measure: 'bytes', by: sizeBytes, need: 0 }]);
  }

  #both({ address, user }: Client, amounts: readonly Amount[]): Decision {
    const { perAddress, perAccount } = this.#settings;
    const first = this.#one('address', address, perAddress, amounts);
    if (user === undefined) return first;
    if (first === undefined) return this.#one('account', user, perAccount, amounts);
    return first.then((refusal) => refusal ?? this.#one('account', user, perAccount, amounts));
  }

  #one(kind: 'address' | 'account', name: string, rates: Rates, amounts: readonly Amount[]): Decision {
    return this.#limits
      .take(this.#settings.name, { kind, name }, rates, amounts)
      ?.then((over) => (over === undefined ? undefined : replyTo[over.measure]));
  }
}
