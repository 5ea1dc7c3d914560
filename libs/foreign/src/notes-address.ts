import { displayOf, parseAddress } from '@mailrail/mail';
import type { HeaderAddress } from './compose.ts';

/** Longest list of names that is looked at: Notes keeps 32 KB in a text list. */
const maxListCharacters = 262_144;
const internet = /^[^/@\s"]+@[^@\s/]+\.[^@\s/]+$/;

/**
 * An address as Notes writes it: a name (`CN=Ada Ex/OU=Ops/O=Acme`, `Ada Ex/Ops/Acme@ACMEDOM`), or an Internet address, alone, behind a
 * name in angle brackets, or with Notes domains behind it (`bo@example.net@ACMEDOM`).
 */
export function notesAddress(text: string): { ok: true; value: HeaderAddress } | { ok: false; reason: string } {
  const [, shown = '', bracketed] = /^([^<>]*)<([^<>]*)>\s*$/.exec(text) ?? [];
  const name = shown.trim().replaceAll('"', '').trim();
  const written = (bracketed ?? text).trim();
  const outer = written.replace(/(@[^@\s/]+\.[^@\s/]+)(?:\s*@[^@./]+)+$/, '$1');
  const isTyped = /^[A-Za-z0-9-]{1,16}:/.test(written) && !/^(?:CN|OU|O|C)=/i.test(written);
  const read = parseAddress(internet.test(outer) ? outer : isTyped ? written : `NOTES:${written}`);
  if (!read.ok) return read;
  const known = name === '' && read.value.startsWith('NOTES:') ? displayOf(read.value) : name;
  return { ok: true, value: { address: read.value, ...(known === '' ? {} : { name: known }) } };
}

/** The entries of a list in one text: commas part them, but not inside quotes or angle brackets. */
export function notesList(text: string): string[] {
  const entries: string[] = [];
  let entry = '';
  let quoted = false;
  let bracket = false;
  for (const character of text.slice(0, maxListCharacters)) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === '<') bracket = true;
    else if (!quoted && character === '>') bracket = false;
    const parts = !quoted && !bracket && /[,\n;]/.test(character);
    if (parts) entries.push(entry);
    entry = parts ? '' : entry + character;
  }
  return [...entries, entry].map((one) => one.trim()).filter((one) => one !== '');
}
