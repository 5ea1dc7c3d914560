import { ConfigError } from '@mailrail/organization';

/** A directory that cannot be used as it is configured; the message is for the person who configures it and holds no secret. */
export class DirectoryConfigError extends ConfigError {
  constructor(message: string) {
    super(`directory: ${message}`);
    this.name = 'DirectoryConfigError';
  }
}
