import { EqualityFilter, type Filter, OrFilter, PresenceFilter } from 'ldapts';

/** Every entry. */
export const everything: Filter = new PresenceFilter({ attribute: 'objectClass' });

/** A value is compared as it is: it is no text to be parsed, so nothing in it can become a part of the filter. */
export function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}

/** @param filters at least one. */
export function anyOf(filters: Filter[]): Filter {
  const [only] = filters;
  return filters.length === 1 && only !== undefined ? only : new OrFilter({ filters });
}
