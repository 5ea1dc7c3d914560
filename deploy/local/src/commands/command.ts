/** One command of `npm run mailrail`. */
export interface Command {
  usage: string; // without the program: `resolve --from ADDRESS ADDRESS...`
  says: string; // one line for the list
  help: string; // options and examples
  /** @returns the exit code: 0 all right, 1 something was found wrong or nothing was found. @throws UsageError */
  run: (argv: readonly string[], context: Context) => Promise<number>;
}

export interface Context {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Writes a line to stdout. */
  print: (text: string) => void;
}

/** The data folder a command looks at: --data, MAILRAIL_DATA, .mailrail. Relative to where the command was given. */
export function dataOption(value: string | undefined, env: NodeJS.ProcessEnv): string {
  return value ?? env['MAILRAIL_DATA'] ?? '.mailrail';
}
