import { readFile } from 'node:fs/promises';
import { ConfigError } from '@mailrail/pipeline';

/** @throws ConfigError when the file a variable names cannot be read. */
export async function readNamed(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`configuration:\n${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
