import { bsmtp } from './bsmtp/bsmtp.ts';
import type { FileDialect } from './foreign-file.ts';
import { ffapi } from './ffapi/ffapi.ts';
import { gwapi } from './gwapi/gwapi.ts';
import { msg } from './msg/msg.ts';
import { sgw } from './sgw/sgw.ts';
import { tnef } from './tnef/tnef.ts';

/** Every format of files there is, by the name a gateway in the organization file has as its dialect. */
export const fileDialects = { bsmtp, sgw, gwapi, ffapi, msg, tnef } as const satisfies Record<string, FileDialect>;
export type FileDialectName = keyof typeof fileDialects;

export function isFileDialect(name: string): name is FileDialectName {
  return Object.hasOwn(fileDialects, name);
}
