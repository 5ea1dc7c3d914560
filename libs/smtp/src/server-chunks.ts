import { ChunkBody, parseChunk, SwallowedChunk } from './chunk-body.ts';
import type { BodyLimits } from './content-check.ts';
import type { BodyReceiver } from './dot-body.ts';
import type { Reply } from './reply.ts';
import type { ContentFacts, ContentFault } from './server-types.ts';

/** What a chunk is refused with once its octets are taken from the input; `mistake` when the client could have known. */
export interface ChunkRefusal {
  reply: Reply;
  mistake: boolean;
}

/** What a chunk has come to, all its octets being here. */
export type ChunkEnd =
  | { kind: 'refused'; refusal: ChunkRefusal | undefined; last: boolean } // none: what it belonged to was given up meanwhile
  | { kind: 'fault'; fault: ContentFault; last: boolean }
  | { kind: 'received'; sizeBytes: number }
  | { kind: 'complete'; facts: ContentFacts };

/**
 * The content that comes by BDAT (RFC 3030 §2), and the chunk of it at hand. Whatever is wrong with a chunk, its octets are taken
 * from the input first, so that both sides keep in step.
 */
export class Chunks {
  #content: ChunkBody | undefined; // between its chunks too
  #chunk: { sizeBytes: number; last: boolean; refusal?: ChunkRefusal } | undefined;

  /** A content is under way. */
  get begun(): boolean {
    return this.#content !== undefined;
  }
  /** Octets of a chunk are awaited, or the host's word on the first one. */
  get atHand(): boolean {
    return this.#chunk !== undefined;
  }

  /** @returns false when the command tells no size: octets and commands cannot be told apart any more. */
  command(rest: string, refusal: ChunkRefusal | undefined): boolean {
    const chunk = parseChunk(rest);
    if (chunk === undefined) return false;
    this.#chunk = refusal === undefined ? chunk : { ...chunk, refusal };
    return true;
  }

  /** The host takes the content. */
  accept(limits: BodyLimits, pass: (bytes: Buffer) => void): void {
    this.#content = new ChunkBody(limits, pass);
  }

  /** The host does not. */
  refuse(reply: Reply): void {
    if (this.#chunk !== undefined) this.#chunk = { ...this.#chunk, refusal: { reply, mistake: false } };
  }

  /** Begins to take the octets of the chunk at hand. @returns undefined when there is none. */
  begin(): { body: BodyReceiver; empty: boolean } | undefined {
    const chunk = this.#chunk;
    if (chunk === undefined) return undefined;
    const content = chunk.refusal === undefined ? this.#content : undefined;
    content?.begin(chunk.sizeBytes);
    return { body: content ?? new SwallowedChunk(chunk.sizeBytes), empty: chunk.sizeBytes === 0 };
  }

  /** All octets are here. The last chunk may have a line end passed on. @returns undefined when no chunk is at hand. */
  taken(): ChunkEnd | undefined {
    const chunk = this.#chunk;
    const content = this.#content;
    if (chunk === undefined) return undefined;
    this.#chunk = undefined;
    const { last, sizeBytes, refusal } = chunk;
    if (refusal !== undefined || content === undefined) return { kind: 'refused', refusal, last };
    if (last) content.end();
    const { fault, facts } = content;
    if (fault === undefined && !last) return { kind: 'received', sizeBytes };
    this.#content = undefined;
    return fault === undefined ? { kind: 'complete', facts } : { kind: 'fault', fault, last };
  }

  /** The transaction is given up; a chunk at hand still comes. */
  forget(): void {
    this.#content = undefined;
  }

  /** The session is over. */
  end(): void {
    this.#content = undefined;
    this.#chunk = undefined;
  }
}
