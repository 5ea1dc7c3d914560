import { fromBase64, parsePlain } from './auth.ts';
import { type Reply, replies } from './reply.ts';
import { parseScramFirst, type ScramCredential, ScramExchange, type ScramFirst } from './scram.ts';
import type { ServerEvent } from './server-types.ts';

/** What an AUTH exchange wants next. `ask` and `mistake` end it, but for the question `scram`, which `challenge` goes on from. */
export type AuthStep =
  | { kind: 'say'; reply: Reply }
  | { kind: 'ask'; event: ServerEvent & { kind: 'auth' | 'scram' } }
  | { kind: 'mistake'; reply: Reply };

type State =
  | { mechanism: 'PLAIN' }
  | { mechanism: 'LOGIN'; user?: string }
  /** Waits for the first message, then for the final one, then for the empty line that takes note of our own proof. */
  | { mechanism: 'SCRAM-SHA-256'; first?: ScramFirst; exchange?: ScramExchange; proved?: boolean };

/** The server's side of one AUTH exchange (RFC 4954): lines of base64 in, steps out. */
export class AuthExchange {
  readonly #state: State;

  private constructor(state: State) {
    this.#state = state;
  }

  /**
   * @param scram whether SCRAM-SHA-256 is offered.
   * @returns undefined for a mechanism that is not.
   */
  static of(mechanism: string, scram: boolean): AuthExchange | undefined {
    if (mechanism === 'PLAIN' || mechanism === 'LOGIN') return new AuthExchange({ mechanism });
    return mechanism === 'SCRAM-SHA-256' && scram ? new AuthExchange({ mechanism }) : undefined;
  }

  /** What is said where the command brings no initial response. */
  get prompt(): Reply {
    return { code: 334, text: this.#state.mechanism === 'LOGIN' ? base64('Username:') : '' };
  }

  line(line: string): AuthStep {
    if (line === '*') return mistake(replies.authCancelled);
    const text = fromBase64(line);
    if (text === undefined) return mistake(replies.badBase64);
    const state = this.#state;
    switch (state.mechanism) {
      case 'SCRAM-SHA-256':
        return scramLine(state, text);
      case 'LOGIN':
        if (state.user !== undefined) {
          return { kind: 'ask', event: { kind: 'auth', mechanism: 'LOGIN', authzid: '', user: state.user, password: text } };
        }
        state.user = text;
        return { kind: 'say', reply: { code: 334, text: base64('Password:') } };
      case 'PLAIN': {
        const said = parsePlain(text);
        return said === undefined ? mistake(replies.badArguments) : { kind: 'ask', event: { kind: 'auth', mechanism: 'PLAIN', ...said } };
      }
    }
  }

  /** The host knows what to check the client's proof by: its challenge. @returns undefined when there is nothing to challenge. */
  challenge(credential: ScramCredential, nonce: string): Reply | undefined {
    const state = this.#state;
    if (state.mechanism !== 'SCRAM-SHA-256' || state.first === undefined) return undefined;
    state.exchange = new ScramExchange(state.first, credential, nonce);
    return { code: 334, text: base64(state.exchange.challenge) };
  }
}

/** RFC 5802 §5. Our own proof goes as a challenge, since 235 carries none (RFC 4954 §4), and an empty line takes note of it. */
function scramLine(state: State & { mechanism: 'SCRAM-SHA-256' }, text: string): AuthStep {
  const { first, exchange } = state;
  if (first === undefined) {
    const begun = parseScramFirst(text);
    if (begun === undefined) return mistake(replies.badArguments);
    state.first = begun;
    return { kind: 'ask', event: { kind: 'scram', user: begun.user } };
  }
  if (state.proved === undefined) {
    const proof = exchange?.finish(text);
    if (proof === undefined) return mistake(replies.badArguments);
    if (proof !== false) {
      state.proved = true;
      return { kind: 'say', reply: { code: 334, text: base64(proof) } };
    }
  } else if (text !== '') return mistake(replies.badArguments);
  const { user, authzid } = first;
  return { kind: 'ask', event: { kind: 'auth', mechanism: 'SCRAM-SHA-256', user, authzid, proved: state.proved === true } };
}

function mistake(reply: Reply): AuthStep {
  return { kind: 'mistake', reply };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
