import { bsmtp } from './bsmtp/bsmtp.ts';
import { ccmail } from './ccmail/ccmail.ts';
import { dxl } from './dxl/dxl.ts';
import type { FileDialect } from './foreign-file.ts';
import { ffapi } from './ffapi/ffapi.ts';
import { gwapi } from './gwapi/gwapi.ts';
import { mbox } from './mbox/mbox.ts';
import { notesText } from './notes-text/notes-text.ts';
import { sgw } from './sgw/sgw.ts';
import { sms } from './sms/sms.ts';
import { x400Text } from './x400-text/x400-text.ts';

/** Every format of files there is, by the name a gateway in the organization file has as its dialect. */
export const fileDialects = {
  bsmtp,
  sgw,
  gwapi,
  ffapi,
  dxl,
  'x400-text': x400Text,
  mbox,
  sms,
  ccmail,
  'notes-text': notesText,
} as const satisfies Record<string, FileDialect>;
export type FileDialectName = keyof typeof fileDialects;

export function isFileDialect(name: string): name is FileDialectName {
  return Object.hasOwn(fileDialects, name);
}
