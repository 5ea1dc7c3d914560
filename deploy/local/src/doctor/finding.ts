/** What a look at one thing came to. */
export interface Finding {
  level: 'ok' | 'warn' | 'fail';
  what: string; // the thing, two or three words
  says: string;
  todo?: string; // for `warn` and `fail`: what to do
}

export const ok = (what: string, says: string): Finding => ({ level: 'ok', what, says });
export const warn = (what: string, says: string, todo: string): Finding => ({ level: 'warn', what, says, todo });
export const fail = (what: string, says: string, todo: string): Finding => ({ level: 'fail', what, says, todo });

/** A finding as lines of text. */
export function findingLines({ level, what, says, todo }: Finding): string[] {
  return [`${level.padEnd(5)} ${what.padEnd(16)} ${says}`, ...(todo === undefined ? [] : [`${' '.repeat(23)}-> ${todo}`])];
}
