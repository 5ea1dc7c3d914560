import { type Reject, type RejectCode, reject } from '../foreign-file.ts';

/** Why bytes cannot be read on, from deep inside a reader; never leaves the dialect. */
export class Fault extends Error {
  readonly reject: Reject;
  constructor(code: RejectCode, reason: string, where?: string) {
    super(reason);
    this.name = 'Fault';
    this.reject = reject(code, reason, where);
  }
}

/** What a reader gives, or the refusal it ended with. Anything else that is thrown is a mistake of ours. */
export function orReject<Result>(read: () => Result): Result | Reject {
  try {
    return read();
  } catch (error) {
    if (error instanceof Fault) return error.reject;
    throw error;
  }
}
