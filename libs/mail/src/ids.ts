import { randomUUID } from 'node:crypto';
import { v5, v7 } from 'uuid';

/** A new root identity, UUIDv7: sorts by time of acceptance and carries it. Given once at a gateway, never changed (R1). */
export function newRootId(): string {
  return v7();
}

/** A new identity for one publication of a mail (`copyId`): random, since a copy's time says nothing and this is made at every hop. */
export function newCopyId(): string {
  return randomUUID();
}

/**
 * An identity derived from another one (UUIDv5), so that a repeat of the same work makes the same identity (R1).
 *
 * @param parent the UUID it is derived from.
 * @param name what was split off, for example `categorizer:local`.
 */
export function derivedId(parent: string, name: string): string {
  return v5(name, parent);
}

/** A recipient's identity: UUIDv5 of the root and the address the sender gave, so that a changed directory cannot change it (R1). */
export function recipientId(rootId: string, originalAddress: string): string {
  return v5(`recipient:${originalAddress}`, rootId);
}

/**
 * The time an identity was made.
 *
 * @returns milliseconds since the epoch, or `undefined` when `id` is not a UUIDv7.
 */
export function timeOfId(id: string): number | undefined {
  return id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
