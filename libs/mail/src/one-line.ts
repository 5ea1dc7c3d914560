/**
 * Foreign text made safe for a header, an AMQP header or a log line (S6): printable ASCII and Unicode, one line, bounded.
 * Controls (CR, LF, NUL, ESC, C1, bidi overrides) become spaces, runs of space one space.
 *
 * @param text anything a peer said: a HELO name, a remote reply, a field of a foreign file.
 * @param maxLength characters kept; what is longer ends in `...`.
 */
export function oneLine(text: string, maxLength = 200): string {
  const clean = text
    .slice(0, maxLength * 4)
    .replace(/[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]+|\s+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  // A cut must not leave half of a surrogate pair.
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 3).replace(/[\ud800-\udbff]$/, '')}...` : clean;
}
