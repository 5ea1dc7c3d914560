import { smtpAddress, splitAddress } from '@mailrail/mail';

/** From a foreign system's address to the organization's form. The same address always gives the same one. */
export interface AddressMap {
  map(address: string): string;
}

/**
 * Without templates: an SMTP address stays one (its domain in lower case), an address of another type stays as it is with its
 * type in capitals. The directory knows people by addresses of every type, so that nothing need be made up here.
 */
export const plainAddressMap: AddressMap = {
  map(address) {
    const { type, value } = splitAddress(address);
    return type === 'SMTP' ? smtpAddress(value) : `${type}:${value}`;
  },
};
