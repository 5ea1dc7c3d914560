const pieceBytes = 65_536;
const alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

/** Whether bytes are base64 in ASCII, line breaks and blanks anywhere, up to a whole last group. */
export function isBase64(encoded: Buffer): boolean {
  return decode(encoded, () => {});
}

/** What such base64 stands for, written piece by piece into one buffer: a large file is never a string. */
export function base64Bytes(encoded: Buffer): Buffer | undefined {
  const out = Buffer.allocUnsafe(Math.ceil(encoded.length / 4) * 3);
  let size = 0;
  const good = decode(encoded, (groups) => {
    size += out.write(groups, size, 'base64');
  });
  return good ? out.subarray(0, size) : undefined;
}

/** @returns false at another character, and when it ends in the middle of a group. */
function decode(encoded: Buffer, take: (groups: string) => void): boolean {
  let rest = '';
  let ended = false;
  for (let at = 0; at < encoded.length; at += pieceBytes) {
    const text = rest + encoded.toString('latin1', at, at + pieceBytes).replaceAll(/[ \t\r\n]+/g, '');
    if (!alphabet.test(text) || (ended && text !== '')) return false;
    const whole = text.length - (text.length % 4);
    take(text.slice(0, whole));
    rest = text.slice(whole);
    ended = text.slice(0, whole).endsWith('=');
    if (ended && rest !== '') return false;
  }
  return rest === '';
}
