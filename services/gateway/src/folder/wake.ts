/** A sleep that can be ended early. */
export interface Wake {
  /** Ends the sleep at hand, or the next one at once. */
  now(): void;
  until(ms: number): Promise<void>;
}

/** Longest delay a timer takes. */
const longestMs = 2_147_483_647;

export function wakeable(): Wake {
  let end: (() => void) | undefined;
  let early = false;
  return {
    now() {
      early = true;
      end?.();
    },
    async until(ms) {
      if (!early && ms > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(ms, longestMs));
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      end = undefined;
      early = false;
    },
  };
}
