import type { Reply } from '@mailrail/smtp';

/** Looks at a message as it comes, and says at its end what is to stand in front of it, or that it is not to be taken. */
export interface ContentCheck {
  /** @returns a promise when the caller should wait (it never rejects), else `undefined`. The bytes are not changed and not kept. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** Header fields with their line ends, or the refusal. Never rejects. */
  finish(): Promise<{ fields: Buffer; refusal?: undefined } | { refusal: Reply }>;
  /** The message will not come to an end. Idempotent. */
  abort(): void;
}
