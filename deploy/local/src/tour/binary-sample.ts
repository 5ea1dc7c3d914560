/** What stands in a sample of bytes where its Message-ID belongs, in UTF-16. */
const placeHolder = `<${'z'.repeat(100)}@samples.example>`;

/**
 * A sample of bytes for one run. Its length stays, since lengths stand in it elsewhere: a NUL ends the identity, and bytes behind the NUL,
 * which nobody reads, keep the sum of all bytes, since TNEF has check sums.
 *
 * @throws RangeError when the sample has no place for an identity, or too small a one.
 */
export function ofRun(sample: Buffer, messageId: string): Buffer {
  const place = Buffer.from(placeHolder, 'utf16le');
  const at = sample.indexOf(place);
  if (at < 0) throw new RangeError('the sample has no place for a Message-ID');
  const id = Buffer.from(`${messageId}\0`, 'utf16le');
  let rest = sum(place) - sum(id);
  const filled = Buffer.alloc(place.length);
  id.copy(filled);
  for (let index = id.length; index < filled.length && rest > 0; index += 1) {
    const part = Math.min(255, rest);
    filled[index] = part;
    rest -= part;
  }
  if (rest !== 0 || id.length > place.length) throw new RangeError(`${messageId} is too long for the sample`);
  return Buffer.concat([sample.subarray(0, at), filled, sample.subarray(at + place.length)]);
}

function sum(bytes: Buffer): number {
  return bytes.reduce((all, one) => all + one, 0);
}
