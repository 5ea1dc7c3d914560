import { readFileSync } from 'node:fs';
import { BenchError } from './system.ts';

/**
 * Addresses of a file, one a line, in lower case, each once; empty lines and lines that begin with `#` are passed over.
 *
 * @throws BenchError for what is no address, and for a file that names nobody.
 */
export function addressesIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new BenchError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const found = text
    .split('\n')
    .map((line) => line.trim().toLowerCase())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = found.find((line) => !/^[^\s@<>]+@[^\s@<>]+$/.test(line));
  if (wrong !== undefined) throw new BenchError(`${file}: ${wrong.slice(0, 80)} is no address`);
  if (found.length === 0) throw new BenchError(`${file} names nobody`);
  return [...new Set(found)];
}
