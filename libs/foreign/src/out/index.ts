import { ffapiWriter } from './ffapi-writer.ts';
import type { FileWriter } from './file-writer.ts';
import { gwapiWriter } from './gwapi-writer.ts';
import { bsmtpWriter, emlWriter } from './internet-files.ts';

export type * from './file-writer.ts';

/** Every format messages for a foreign system can be written in. */
export const fileWriters = { eml: emlWriter, bsmtp: bsmtpWriter, gwapi: gwapiWriter, ffapi: ffapiWriter } as const satisfies Record<
  string,
  FileWriter
>;

/** The format of a gateway that does not say which: its own dialect where it can be written, else Internet mail with its envelope. */
export function writerFor(dialect: string, writes: keyof typeof fileWriters | undefined): FileWriter {
  if (writes !== undefined) return fileWriters[writes];
  return dialect === 'bsmtp' || dialect === 'gwapi' || dialect === 'ffapi' ? fileWriters[dialect] : fileWriters.eml;
}
