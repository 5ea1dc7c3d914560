/** Fetches a text by HTTPS. @throws Error when it does not come. */
export type FetchText = (url: string) => Promise<string>;

const mostCertificates = 20;
const mostBytes = 20_000;
const keepMs = 24 * 3_600_000;

/** The way out, bounded: 5 s, no redirects, 20 KB. */
export const fetchText: FetchText = async (url) => {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
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

/** Certificates by their address, each fetched once a day; the address was checked by whoever asks. A failure is not remembered. */
export function certificates(get: FetchText, now: () => number = Date.now): FetchText {
  const known = new Map<string, { at: number; text: Promise<string> }>();
  return (url) => {
    const before = known.get(url);
    if (before !== undefined && now() - before.at < keepMs) return before.text;
    const text = get(url);
    text.catch(() => known.delete(url));
    known.delete(url);
    known.set(url, { at: now(), text });
    if (known.size > mostCertificates) known.delete(known.keys().next().value ?? '');
    return text;
  };
}
