/** Most characters a value may have after its variables were put in. */
const maxLength = 4_096;

/**
 * Puts variables of the environment into a text: `${NAME}` and `${NAME:-default}` (also used when the variable is empty).
 * What looks otherwise, `$5` or `${lower}`, stays as it is.
 *
 * @returns the text, or in `errors` every variable that is neither set nor has a default.
 */
export function substitute(text: string, env: Readonly<Record<string, string | undefined>>): { text: string; errors: string[] } {
  if (!text.includes('${')) return { text, errors: [] };
  const errors: string[] = [];
  const put = text.replace(/\$\{([A-Z_][A-Z0-9_]{0,99})(?::-([^}]*))?\}/g, (whole, name: string, fallback: string | undefined) => {
    const value = env[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    errors.push(`variable ${name} is not set and has no default (write \${${name}:-default})`);
    return whole;
  });
  if (put.length > maxLength) errors.push(`is longer than ${maxLength} characters with its variables put in`);
  return { text: put.slice(0, maxLength), errors };
}
