import { UsageError } from '../options.ts';

/** A command's words, sorted out. */
export interface Words {
  values: ReadonlyMap<string, string>; // --name VALUE, the last one
  switches: ReadonlySet<string>; // --name
  rest: readonly string[]; // everything else, in order
}

/**
 * Sorts the words of a command. `--name=value` and `--name value` are the same; `--` ends the options.
 *
 * @param known options with a value and switches, without dashes.
 * @throws UsageError for an option that is not known or lacks its value.
 */
export function wordsOf(argv: readonly string[], known: { values?: readonly string[]; switches?: readonly string[] }): Words {
  const values = new Map<string, string>();
  const switches = new Set<string>();
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith('--')) {
      rest.push(word);
      continue;
    }
    const [, name = '', inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (known.switches?.includes(name) === true && inline === undefined) switches.add(name);
    else if (known.values?.includes(name) === true) {
      const value = inline ?? argv[(at += 1)];
      if (value === undefined) throw new UsageError(`--${name} needs a value`);
      values.set(name, value);
    } else {
      const all = [...(known.values ?? []), ...(known.switches ?? [])].map((one) => `--${one}`).join(', ');
      throw new UsageError(`unknown option ${word}; there are ${all}`);
    }
  }
  return { values, switches, rest };
}
