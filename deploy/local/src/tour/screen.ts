/** Shows a picture that changes. */
export interface Screen {
  show: (lines: readonly string[]) => void;
  /** A line that stays, above the picture. */
  say: (text: string) => void;
  /** The picture stays as it is; what comes next is written below it. */
  leave: () => void;
}

/** Redraws in place: on a terminal only. */
export function terminalScreen(output: NodeJS.WriteStream): Screen {
  let shown: readonly string[] = [];
  const clear = () => (shown.length === 0 ? '' : `\x1b[${shown.length}A\x1b[J`);
  return {
    show: (lines) => {
      // What does not fit on the terminal cannot be redrawn: the cursor would stop at its top.
      const fitting = lines.slice(0, Math.max(1, (output.rows ?? 50) - 1));
      output.write(`${clear()}${fitting.join('\n')}\n`);
      shown = fitting;
    },
    say: (text) => {
      output.write(`${clear()}${text}\n${shown.length === 0 ? '' : `${shown.join('\n')}\n`}`);
    },
    leave: () => {
      shown = [];
    },
  };
}

/** Plain lines, one after the other; the picture itself is not shown. */
export function plainScreen(output: NodeJS.WritableStream): Screen {
  return {
    show: () => {},
    say: (text) => {
      output.write(`${text}\n`);
    },
    leave: () => {},
  };
}
