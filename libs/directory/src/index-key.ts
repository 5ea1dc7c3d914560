import { addressKey, orderedX400, splitAddress } from '@mailrail/mail';

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
