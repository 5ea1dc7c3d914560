/** Strict base64, RFC 4954 §4: `=` alone is the empty string. @returns undefined for what is none. */
export function fromBase64(text: string): string | undefined {
  if (text === '=') return '';
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64').toString();
}

/** The message of PLAIN, RFC 4616: authorization identity, NUL, user, NUL, password. */
export function parsePlain(text: string): { authzid: string; user: string; password: string } | undefined {
  const parts = text.split('\0');
  const [authzid, user, password] = parts;
  if (parts.length !== 3 || authzid === undefined || user === undefined || user === '' || password === undefined) return undefined;
  return { authzid, user, password };
}
