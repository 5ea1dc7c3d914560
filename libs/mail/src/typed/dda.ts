import { splitAddress } from '../address.ts';
import { decodePrintable, encodePrintable } from './printable-string.ts';
import { parseX400, x400Semicolons } from './x400.ts';

/** An Internet address in X.400 has this type, RFC 2156 §4.3; other types keep their name. */
const internet = 'RFC-822';
const longestType = 8;
const longestValue = 128;

/**
 * An address of any type as an X.400 one: a domain-defined attribute on the O/R address of the gateway that leads back.
 *
 * @param base O/R address of that gateway, either form: `c=XX;a= ;p=Acme;o=Gate;`.
 * @returns `undefined` when X.400 has no room for it (the type over 8 characters, the value over 128) or the base is none.
 */
export function ddaAddress(address: string, base: string): string | undefined {
  const { type, value } = splitAddress(address);
  const name = type === 'SMTP' ? internet : type;
  const encoded = encodePrintable(value);
  const attributes = parseX400(base);
  if (!attributes.ok || value === '' || name.length > longestType || encoded.length > longestValue) return undefined;
  return `X400:${x400Semicolons([...attributes.value, { name: `dda:${name}`, value: encoded }])}`;
}

/**
 * The address an X.400 one carries. Only for O/R addresses of a gateway of ours: of another it is that gateway's to read.
 *
 * @param base that gateway's own O/R address.
 * @returns `undefined` when it carries none, or belongs to another gateway.
 */
export function addressInDda(address: string, base: string): string | undefined {
  const { type, value } = splitAddress(address);
  const own = parseX400(base);
  const read = type === 'X400' ? parseX400(value) : undefined;
  if (read?.ok !== true || !own.ok) return undefined;
  const carried = read.value.filter(({ name }) => name.startsWith('dda:'));
  const rest = x400Semicolons(read.value.filter(({ name }) => !name.startsWith('dda:')));
  const [only] = carried;
  if (only === undefined || carried.length > 1 || rest.toLowerCase() !== x400Semicolons(own.value).toLowerCase()) return undefined;
  const decoded = decodePrintable(only.value);
  if (decoded === undefined || /[\r\n\0]/.test(decoded)) return undefined;
  const name = only.name.slice('dda:'.length).toUpperCase();
  return `${name === internet ? 'SMTP' : name}:${decoded}`;
}
