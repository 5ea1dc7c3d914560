import { fileURLToPath } from 'node:url';

/** The path of a file beside these tests. */
export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
