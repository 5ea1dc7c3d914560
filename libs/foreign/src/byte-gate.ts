/** Lets work begin whose bytes fit beside what is in hand; one piece always may, however large. */
export interface ByteGate {
  enter(bytes: number): Promise<() => void>;
}

/** @param mostBytes in hand at a time. Whoever waits is served in order. */
export function byteGate(mostBytes: number): ByteGate {
  let inHand = 0;
  const waiting: { bytes: number; resolve: (leave: () => void) => void }[] = [];

  const serve = (): void => {
    for (let first = waiting[0]; first !== undefined && (inHand === 0 || inHand + first.bytes <= mostBytes); first = waiting[0]) {
      waiting.shift();
      inHand += first.bytes;
      first.resolve(once(first.bytes));
    }
  };
  const once = (bytes: number) => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inHand -= bytes;
      serve();
    };
  };
  return {
    enter: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, resolve });
        serve();
      }),
  };
}
