/** Names DOS gave to devices: on a share from such a system they are no files. */
const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;

/**
 * Whether a name from a foreign file names a file in its own folder and nothing else: no path, no drive, no parent, no device, nothing
 * hidden, at most 200 bytes.
 */
export function isPlainName(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= 200 && !/[/\\:\p{Cc}\p{Cs}]/u.test(name) && !name.startsWith('.') && !device.test(name);
}

/** A name to show, of whatever path it came with: its last part. @param fallback when nothing is left. */
export function shownName(path: string, fallback: string): string {
  const name = path
    .slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'), path.lastIndexOf(':')) + 1)
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, '')
    .trim();
  return name === '' || name === '.' || name === '..' ? fallback : name.slice(0, 200);
}
