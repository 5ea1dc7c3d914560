/** How long each phase of a session may take; milliseconds. */
export interface TimeLimits {
  connectMs: number; // for one address
  greetingMs: number;
  tlsMs: number; // the handshake
  commandMs: number; // for the reply to a command
  blockMs: number; // for the peer to take a block of data
  finalMs: number; // for the reply to the closing dot
  quitMs: number;
  /** What a hurried phase has at the least: a peer that answers within it loses nothing by the hurry. */
  hurriedMs: number;
}

/** How long the work on one mail may take: milliseconds since the epoch. */
export interface WorkBounds {
  /** No phase before the closing dot goes on after this. */
  deadlineMs: number;
  /**
   * The mail's own time: then its sender is to hear of the delay, or of the end. A phase before the closing dot that nothing comes
   * of until then is given up, though never before it had `hurriedMs`; a peer that goes on answering is never cut short.
   */
  hurryAtMs: number;
  /** Breaks the work off as long as nothing was promised: up to the closing dot. */
  signal: AbortSignal | undefined;
}

/**
 * RFC 5321 §4.5.3.2, which names no limit for connecting, the handshake and QUIT. Its five minutes for a greeting are for machines
 * of its time: a silent host holds a place of its connector, so it is given one minute, and tried again.
 */
export const rfcTimeLimits: TimeLimits = {
  connectMs: 30_000,
  greetingMs: 60_000,
  tlsMs: 60_000,
  commandMs: 300_000,
  blockMs: 180_000,
  finalMs: 600_000, // shorter would make duplicates: the peer may be at work on what it has
  quitMs: 2_000,
  hurriedMs: 5_000,
};
