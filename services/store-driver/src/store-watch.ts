/** Whether a store answers, as it was when it was asked last. */
export interface StoreWatch {
  /** Why the store cannot be used; undefined while it can, and before the first answer. */
  readonly trouble: () => string | undefined;
  readonly stop: () => void;
}

/**
 * Asks a store now and from time to time. One question at a time: a disk that hangs is not asked more and more often.
 *
 * @param name said before the reason: `mailboxes: ENOSPC`.
 */
export function watchStore(name: string, probe: () => Promise<void>, everyMs = 10_000): StoreWatch {
  let trouble: string | undefined;
  let asking = false;
  const ask = () => {
    if (asking) {
      trouble ??= `${name}: no answer for ${everyMs} ms`;
      return;
    }
    asking = true;
    probe()
      .then(
        () => undefined,
        (error: unknown) => `${name}: ${error instanceof Error ? error.message : String(error)}`,
      )
      .then((answer) => {
        trouble = answer;
        asking = false;
      })
      .catch(() => {}); // neither of the two above throws
  };
  ask();
  const timer = setInterval(ask, everyMs);
  timer.unref();
  return { trouble: () => trouble, stop: () => clearInterval(timer) };
}
