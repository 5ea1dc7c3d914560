/** A directory that cannot be used as it is configured; the message is for the person who configures it and holds no secret. */
export class DirectoryConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DirectoryConfigError';
  }
}
