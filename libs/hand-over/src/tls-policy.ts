import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

export type TlsMode = 'never' | 'opportunistic' | 'required';

/** How sessions are protected. `never` and `opportunistic` send mail in the clear when there is no other way; `required` never does. */
export interface TlsPolicy {
  mode: TlsMode;
  context: SecureContext;
}

/**
 * @param options `ca` certificates (PEM) trusted beside the well-known ones, or instead of them with `onlyCa`; `cert` and `key` (PEM)
 *        prove us to the peer. @throws Error when the PEM cannot be read.
 */
export function tlsPolicy(mode: TlsMode, options: { ca?: string; onlyCa?: boolean; cert?: string; key?: string } = {}): TlsPolicy {
  const { ca, onlyCa = false, cert, key } = options;
  const context = createSecureContext({
    ...(ca === undefined ? {} : { ca: onlyCa ? [ca] : [...rootCertificates, ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  return { mode, context };
}
