import { createHash } from 'node:crypto';

const form = /^<?([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.-]{1,200})>?$/;

/** An identity that has the form of a Message-ID, in angle brackets; `undefined` for any other. */
export function internetId(text: string | undefined): string | undefined {
  const found = form.exec(text?.slice(0, 500).trim() ?? '')?.[1];
  return found === undefined ? undefined : `<${found}>`;
}

/** The Message-ID for an identity of another system: the same one always gives the same, so that an answer finds what it answers. */
export function messageIdFor(foreignId: string, dialect: string, hostname: string): string {
  return internetId(foreignId) ?? `<${createHash('sha256').update(foreignId).digest('hex').slice(0, 40)}.${dialect}@${hostname}>`;
}

/** The field a foreign one is kept in: `X-Foreign-<name>`, of letters, digits and hyphens. `undefined` when nothing is left of the name. */
export function keptField(name: string): string | undefined {
  const word = name
    .slice(0, 64)
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return word === '' ? undefined : `X-Foreign-${word}`;
}
