import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** What a server keeps of a password: enough to check a proof, not enough to give one (RFC 5802 §3). */
export interface ScramCredential {
  salt: Buffer;
  iterations: number;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** At least 4,096 (RFC 7677 §4); more costs the client the same at every login, us only once. */
export const scramIterations = 4_096;

/**
 * Blocks for some milliseconds: at start, not in a session.
 *
 * @param password is taken in normal form KC, which is what SASLprep makes of all but exotic characters.
 */
export function scramCredential(password: string, salt: Buffer, iterations = scramIterations): ScramCredential {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return { salt, iterations, storedKey, serverKey: hmac(salted, 'Server Key') };
}

/**
 * For a user who does not exist: looks like anybody's, is the same at every try, and no password fits it. Without it the salt would
 * tell who exists.
 *
 * @param secret at random, as long as the process lives.
 */
export function scramDecoy(user: string, secret: Buffer): ScramCredential {
  const salt = hmac(secret, `salt ${user}`).subarray(0, 16);
  return { salt, iterations: scramIterations, storedKey: hmac(secret, `stored ${user}`), serverKey: hmac(secret, `server ${user}`) };
}

/** The client's first message, taken apart. */
export interface ScramFirst {
  user: string;
  authzid: string;
  gs2: string; // comes again in the final message
  bare: string;
  nonce: string;
}

/**
 * RFC 5802 §7. Channel binding is not offered: a client that wants it (`p=`) is refused, one that could (`y`) is not. Extensions
 * that are not known are passed over, but `m=` says that one must be (§5.1).
 *
 * @returns undefined for what is no first message.
 */
export function parseScramFirst(message: string): ScramFirst | undefined {
  const found = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]{8,256})(?:,(?!m=)[A-Za-z]=[^,\0]+)*)$/u.exec(message);
  if (found === null) return undefined;
  const [, gs2 = '', authzid = '', bare = '', name = '', nonce = ''] = found;
  const user = saslName(name);
  const other = saslName(authzid);
  return user === undefined || other === undefined ? undefined : { user, authzid: other, gs2, bare, nonce };
}

/** The exchange behind the first message: the challenge, then the proof. */
export class ScramExchange {
  readonly challenge: string;
  readonly #first: ScramFirst;
  readonly #credential: ScramCredential;
  readonly #nonce: string;

  /** @param nonce the server's part, printable without a comma. */
  constructor(first: ScramFirst, credential: ScramCredential, nonce: string) {
    this.#first = first;
    this.#credential = credential;
    this.#nonce = first.nonce + nonce;
    this.challenge = `r=${this.#nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`;
  }

  /** @returns the server's own proof for the right password, false for a wrong one, undefined for what is no final message. */
  finish(message: string): string | false | undefined {
    const found = /^((c=[A-Za-z0-9+/=]+),(r=[!-+\--~]+)(?:,(?!m=)[A-Za-z]=[^,\0]+)*),p=([A-Za-z0-9+/]{43}=)$/u.exec(message);
    if (found === null) return undefined;
    const [, withoutProof = '', binding, nonce, proof = ''] = found;
    if (binding !== `c=${Buffer.from(this.#first.gs2).toString('base64')}` || nonce !== `r=${this.#nonce}`) return undefined;
    const { storedKey, serverKey } = this.#credential;
    const said = `${this.#first.bare},${this.challenge},${withoutProof}`;
    const signature = hmac(storedKey, said);
    const clientKey = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0));
    const right = timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey);
    return right && `v=${hmac(serverKey, said).toString('base64')}`;
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** `=2C` is a comma, `=3D` an equals sign, and no other `=` may stand in a name (RFC 5802 §5.1). */
function saslName(text: string): string | undefined {
  return /=(?!2C|3D)/.test(text) ? undefined : text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
