import type { IncomingMessage } from 'node:http';
import { HttpProblem, tryLater } from './problem.ts';

/** Bytes of bodies that are read whole, over all requests: what must be understood before it can be taken must fit into memory. */
export interface ByteBudget {
  left: number;
}

/** A body that is in memory. */
export interface WholeBody {
  bytes: Buffer;
  /** Gives its place back; call it when the bytes are not needed any more. */
  release: () => void;
}

/**
 * Reads a whole body, bounded by itself and by the budget of all.
 *
 * @throws HttpProblem 413, 503 when others have used the budget up; the stream's own error when the client went away.
 */
export async function readBody(request: IncomingMessage, maxBytes: number, budget: ByteBudget): Promise<WholeBody> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const release = () => {
    budget.left += sizeBytes;
    sizeBytes = 0;
  };
  try {
    for await (const chunk of chunksOf(request)) {
      if (sizeBytes + chunk.length > maxBytes) throw new HttpProblem(413, 'too-large', `a body may have ${maxBytes} bytes here`);
      if (chunk.length > budget.left) throw tryLater(503, 'busy', 'too many large requests are in hand', 2);
      budget.left -= chunk.length;
      sizeBytes += chunk.length;
      chunks.push(chunk);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { bytes: Buffer.concat(chunks, sizeBytes), release };
}

/** Leaves the stream open when it is left early: the answer goes out on the same socket. */
export function chunksOf(body: IncomingMessage): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer> };
}
