/** A file beside a message file, as it is kept with it. */
export interface BundlePart {
  name: string;
  bytes: Buffer;
}

export const maxParts = 500;
const maxManifestBytes = 200_000;
const lineFeed = 0x0a;

/** A message file and the files it names as one object: a line of JSON that says what follows, then the bytes. */
export function bundle(file: Buffer, parts: readonly BundlePart[]): Buffer {
  const sizes = [file.length, ...parts.map(({ bytes }) => bytes.length)];
  const manifest = JSON.stringify({ names: parts.map(({ name }) => name), sizes });
  return Buffer.concat([Buffer.from(`${manifest}\n`), file, ...parts.map(({ bytes }) => bytes)]);
}

/** @returns `undefined` for what is no bundle: nothing in it is taken on trust. */
export function unbundle(bytes: Buffer): { file: Buffer; parts: BundlePart[] } | undefined {
  const end = bytes.subarray(0, maxManifestBytes).indexOf(lineFeed);
  const manifest = end < 0 ? undefined : manifestOf(bytes.toString('utf8', 0, end));
  if (manifest === undefined) return undefined;
  const { names, sizes } = manifest;
  if (sizes.length !== names.length + 1 || names.length > maxParts) return undefined;
  if (sizes.reduce((sum, size) => sum + size, end + 1) !== bytes.length) return undefined;
  let at = end + 1;
  const pieces = sizes.map((size) => bytes.subarray(at, (at += size)));
  const [file = bytes.subarray(0, 0), ...rest] = pieces;
  return { file, parts: names.map((name, index) => ({ name, bytes: rest[index] ?? bytes.subarray(0, 0) })) };
}

function manifestOf(text: string): { names: string[]; sizes: number[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('names' in value) || !('sizes' in value)) return undefined;
  const { names, sizes } = value;
  const isNames = Array.isArray(names) && names.every((name) => typeof name === 'string');
  const isSizes = Array.isArray(sizes) && sizes.every((size) => Number.isSafeInteger(size) && size >= 0);
  return isNames && isSizes ? { names, sizes } : undefined;
}
