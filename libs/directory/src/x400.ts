import { addressKey, splitAddress } from '@mailrail/mail';

/** X.400 attributes in the order Exchange writes them, with the names RFC 2156 gives them. */
const order: readonly (readonly [name: string, ...others: string[]])[] = [
  ['c'],
  ['a', 'admd'],
  ['p', 'prmd'],
  ['o'],
  ['ou1', 'ou'],
  ['ou2'],
  ['ou3'],
  ['ou4'],
  ['cn'],
  ['s'],
  ['g'],
  ['i'],
  ['q', 'gq'],
  ['x121'],
  ['n-id', 'ua-id'],
  ['t-id'],
];
const places = new Map(order.flatMap((names, place) => names.map((name) => [name, place] as const)));

/**
 * An X.400 address with its attributes in Exchange's order, `;` form: what was given as `g=Ty;s=Typed;c=DE;a= ;` or
 * `/c=DE/a= /s=Typed/g=Ty` becomes `c=DE;a= ;s=Typed;g=Ty;`. The order has no meaning (X.402), but directories compare text.
 *
 * @returns `undefined` for what does not look like an X.400 address.
 */
export function orderedX400(value: string): string | undefined {
  const slashes = value.startsWith('/');
  const parts = slashes ? splitSlashes(value) : value.split(';');
  const attributes: { name: string; value: string; place: number }[] = [];
  for (const part of parts) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    if (equals < 1) return undefined;
    const written = part.slice(0, equals).trim().toLowerCase().replace(/^dd\./, 'dda:');
    const text = part.slice(equals + 1);
    const place = written.startsWith('dda:') ? order.length : places.get(written);
    if (place === undefined) return undefined;
    const name = order[place]?.[0] ?? written;
    attributes.push({ name, value: text.trim() === '' ? ' ' : text.trim().replace(/ {2,}/g, ' '), place });
  }
  if (attributes.length === 0) return undefined;
  attributes.sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return attributes.map(({ name, value: text }) => `${name}=${text};`).join('');
}

/** Parts of the slash form, where `$` protects a slash that belongs to a value. */
function splitSlashes(value: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 1; at < value.length; at += 1) {
    if (value[at] === '$' && at + 1 < value.length) {
      at += 1;
      part += value[at];
    } else if (value[at] === '/') {
      parts.push(part);
      part = '';
    } else part += value[at];
  }
  return [...parts, part];
}

/**
 * The key an index finds an address by: as `addressKey`, with X.400 attributes in order and with `EX:` and `X500:` as one type,
 * since an X500 proxy is what a legacyExchangeDN was before.
 */
export function indexKey(address: string): string {
  if (address.startsWith('SMTP:')) return addressKey(address);
  const { type, value } = splitAddress(address);
  if (type === 'X400') return addressKey(`X400:${orderedX400(value) ?? value}`);
  if (type === 'EX') return addressKey(`X500:${value}`);
  return addressKey(address);
}
