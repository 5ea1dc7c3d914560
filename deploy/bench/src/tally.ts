/** A mail in a place it belongs to: `<number of the mail> <place>`. */
export type Copy = `${number} ${string}`;
export const copyOf = (number: number, place: string): Copy => `${number} ${place}`;

export interface Tally {
  lost: number; // copies that should be there and are not
  doubled: number; // copies there more often than once, each further one counted
  misplaced: number; // in a place where the mail does not belong
  found: Set<Copy>;
}

/**
 * Compares what arrived with what should have.
 *
 * @param expected copies of accepted mails.
 * @param possible copies that may be there or not: of mails whose sender never heard an answer.
 * @param arrived one entry for each file or mail found.
 */
export function tally(expected: ReadonlySet<Copy>, possible: ReadonlySet<Copy>, arrived: Iterable<Copy>): Tally {
  const found = new Set<Copy>();
  let doubled = 0;
  let misplaced = 0;
  for (const copy of arrived) {
    if (found.has(copy)) doubled += 1;
    else if (expected.has(copy) || possible.has(copy)) found.add(copy);
    else misplaced += 1;
  }
  let lost = 0;
  for (const copy of expected) if (!found.has(copy)) lost += 1;
  return { lost, doubled, misplaced, found };
}
