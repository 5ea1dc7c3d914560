/**
 * What a person has configured cannot be used as it is; the message is for that person, names every mistake and holds no secret.
 * A service that ends with it says the message alone, exit code 78 (EX_CONFIG).
 */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}
