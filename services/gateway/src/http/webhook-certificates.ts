/** Fetches a text by HTTPS. @param signal ends it. @throws Error when it does not come. */
export type FetchText = (url: string, signal: AbortSignal) => Promise<string>;

const mostCertificates = 20;
const mostBytes = 20_000;
const keepMs = 24 * 3_600_000;
const mostInFlight = 4;
const fetchMs = 5_000;

/** The way out, bounded: no redirects, 20 KB. */
export const fetchText: FetchText = async (url, signal) => {
  const response = await fetch(url, { redirect: 'error', signal });
  if (!response.ok || response.body === null) throw new Error(`${response.status}`);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBytes) throw new Error('too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** So many certificates are on their way that another one is not asked for. */
export class CertificatesBusy extends Error {}

/** @returns a fetch that fails after so long, whatever the one given makes of its signal; by default after 5 s. */
export function inTime(get: FetchText, timeoutMs = fetchMs): (url: string) => Promise<string> {
  return async (url) => {
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(), timeoutMs);
    const late = new Promise<never>((_resolve, reject) => {
      cut.signal.addEventListener('abort', () => reject(new Error(`no answer in ${timeoutMs} ms`)));
    });
    try {
      return await Promise.race([get(url, cut.signal), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * Certificates by their address, the twenty used last, each fetched once a day; the address was checked by whoever asks. Who asks for
 * one has proved nothing yet, so one that is on its way is waited for by all, and no more than four are. A failure is not remembered.
 *
 * @returns the way to them. @throws CertificatesBusy; Error when one does not come
 */
export function certificates(get: (url: string) => Promise<string>, now: () => number = Date.now): (url: string) => Promise<string> {
  const known = new Map<string, { at: number; text: string }>();
  const coming = new Map<string, Promise<string>>();
  const keep = (url: string, certificate: { at: number; text: string }): void => {
    known.delete(url); // behind all others
    known.set(url, certificate);
    if (known.size > mostCertificates) known.delete(known.keys().next().value ?? '');
  };
  const ask = async (url: string): Promise<string> => {
    try {
      const text = await get(url);
      keep(url, { at: now(), text });
      return text;
    } finally {
      coming.delete(url);
    }
  };
  return async (url) => {
    const before = known.get(url);
    if (before !== undefined && now() - before.at < keepMs) {
      keep(url, before);
      return before.text;
    }
    const awaited = coming.get(url);
    if (awaited !== undefined) return awaited;
    if (coming.size >= mostInFlight) throw new CertificatesBusy(`${mostInFlight} certificates are on their way already`);
    const asked = ask(url);
    coming.set(url, asked);
    return asked;
  };
}
