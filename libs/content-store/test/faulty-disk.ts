import { type Disk, realDisk } from '../src/index.ts';

/** An error as `node:fs` throws it. */
export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code, syscall: 'injected', errno: -1 });
}

/** The real disk, with some of its calls replaced. */
export function diskWith(faults: Partial<Disk>): { -readonly [Call in keyof Disk]: Disk[Call] } {
  return { ...realDisk, ...faults };
}

export const failsWith = (code: string) => () => {
  throw diskError(code);
};
export const rejectsWith = (code: string) => () => Promise.reject(diskError(code));
