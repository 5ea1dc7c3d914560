/** How long each phase of a session may take; milliseconds. */
export interface TimeLimits {
  connectMs: number; // for one address
  greetingMs: number;
  tlsMs: number; // the handshake
  commandMs: number; // for the reply to a command
  blockMs: number; // for the peer to take a block of data
  finalMs: number; // for the reply to the closing dot
  quitMs: number;
}

/** RFC 5321 §4.5.3.2, which names no limit for connecting, the handshake and QUIT. */
export const rfcTimeLimits: TimeLimits = {
  connectMs: 30_000,
  greetingMs: 300_000,
  tlsMs: 60_000,
  commandMs: 300_000,
  blockMs: 180_000,
  finalMs: 600_000, // shorter would make duplicates: the peer may be at work on what it has
  quitMs: 2_000,
};
