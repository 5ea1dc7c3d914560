import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A dialogue file: what a client sends and what it must hear.
 *
 *     # why this case exists
 *     O: {"maxMessageBytes":100}     options of the session, and of the host of these tests
 *     C: EHLO client.example         a line from the client, CR LF is added
 *     C< DATA\r\n                    bytes from the client, nothing is added
 *     S: 250-                        the next line from the server begins so; `S:` lines are all there is
 *     T:                             the host brings up TLS here
 *     X:                             the server has closed the session
 *     M: {"from":"..","to":[".."]}   a mail that was accepted, in order; without one, none was
 *     A: bare-line-end               a content that was told to be dropped, in order
 *
 * Escapes in C< and C: \r \n \0 \t \\ \xHH (a byte), and {{3000*A}} for repetition; the rest is UTF-8.
 */
export interface Dialogue {
  name: string;
  options: Record<string, unknown>;
  steps: Step[];
  mails: Record<string, unknown>[];
  aborts: string[];
}
export type Step = { kind: 'client'; bytes: Buffer } | { kind: 'server'; prefix: string } | { kind: 'tls' } | { kind: 'closed' };

export function readDialogues(folder: string): Dialogue[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => parse(file.replace(/\.txt$/, ''), readFileSync(join(folder, file), 'utf8')));
}

function parse(name: string, text: string): Dialogue {
  const dialogue: Dialogue = { name, options: {}, steps: [], mails: [], aborts: [] };
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const mark = line.slice(0, 2);
    const rest = line.slice(2).replace(/^ /, '');
    switch (mark) {
      case 'O:':
        Object.assign(dialogue.options, JSON.parse(rest));
        break;
      case 'C:':
        dialogue.steps.push({ kind: 'client', bytes: Buffer.concat([unescape(rest), Buffer.from('\r\n')]) });
        break;
      case 'C<':
        dialogue.steps.push({ kind: 'client', bytes: unescape(rest) });
        break;
      case 'S:':
        dialogue.steps.push({ kind: 'server', prefix: rest });
        break;
      case 'T:':
        dialogue.steps.push({ kind: 'tls' });
        break;
      case 'X:':
        dialogue.steps.push({ kind: 'closed' });
        break;
      case 'M:':
        dialogue.mails.push(JSON.parse(rest));
        break;
      case 'A:':
        dialogue.aborts.push(rest);
        break;
      default:
        throw new Error(`${name}: what is "${line}"?`);
    }
  }
  return dialogue;
}

const escapes: Record<string, string> = { r: '\r', n: '\n', '0': '\0', t: '\t', '\\': '\\' };

function unescape(text: string): Buffer {
  const parts: Buffer[] = [];
  const token = /\{\{(\d+)\*([^}]*)\}\}|\\x([0-9A-Fa-f]{2})|\\([rn0t\\])|([^\\{]+|[\\{])/g;
  for (const [, count, repeated, hex, escape, plain] of text.matchAll(token)) {
    if (count !== undefined) parts.push(Buffer.concat(Array.from({ length: Number(count) }, () => unescape(repeated ?? ''))));
    else if (hex !== undefined) parts.push(Buffer.from(hex, 'hex'));
    else if (escape !== undefined) parts.push(Buffer.from(escapes[escape] ?? ''));
    else parts.push(Buffer.from(plain ?? ''));
  }
  return Buffer.concat(parts);
}
