const oneOff = '812b1fa4bea310199d6e00dd010f5402';
const directory = 'dca740c8c042101ab4b908002b2fe182';
const unicodeFlag = 0x8000;

/**
 * The address in an entry identity: of somebody outside of the address book (one-off, MS-OXCDATA §2.2.5.1), or of its own people
 * (§2.2.5.2).
 *
 * @returns as `TYPE:address`; `undefined` for any other identity.
 */
export function addressInEntryId(bytes: Buffer): string | undefined {
  const provider = bytes.toString('hex', 4, 20);
  if (provider === directory && bytes.length > 28) return `EX:${bytes.toString('latin1', 28).split('\0', 1)[0] ?? ''}`;
  if (provider !== oneOff || bytes.length < 24) return undefined;
  const isUnicode = (bytes.readUInt16LE(22) & unicodeFlag) !== 0;
  const [, type, address] = bytes.toString(isUnicode ? 'utf16le' : 'latin1', 24).split('\0', 3);
  return type === undefined || address === undefined || address === '' ? undefined : `${type}:${address}`;
}
