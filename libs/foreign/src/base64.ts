const pieceBytes = 12_288;
const alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

/** Whether bytes are base64 in ASCII, line breaks and blanks anywhere, up to a whole last group. */
export function isBase64(encoded: Buffer): boolean {
  let ended = false;
  let rest = '';
  for (const text of plainPieces(encoded)) {
    rest += text;
    if (!alphabet.test(rest) || (ended && text !== '')) return false;
    ended ||= rest.endsWith('=');
    rest = rest.slice(rest.length - (rest.length % 4));
  }
  return rest === '';
}

/** What such base64 stands for, piece by piece: a large file is never one. Only for what `isBase64` has seen. */
export function* base64Pieces(encoded: Buffer): Generator<Buffer> {
  let rest = '';
  for (const piece of plainPieces(encoded)) {
    const text = rest + piece;
    const whole = text.length - (text.length % 4);
    yield Buffer.from(text.slice(0, whole), 'base64');
    rest = text.slice(whole);
  }
}

function* plainPieces(encoded: Buffer): Generator<string> {
  for (let at = 0; at < encoded.length; at += pieceBytes) {
    yield encoded.toString('latin1', at, at + pieceBytes).replaceAll(/[ \t\r\n]+/g, '');
  }
}
