// What a container says that was started without a command.
import { globSync } from 'node:fs';

const services = [...globSync('services/{*,connectors/*}/src/main.ts')].sort();
process.stderr.write(
  `Which service? Give it as the command, with its role where it has one:\n${services.map((main) => `  node ${main}\n`).join('')}`,
);
process.exitCode = 64;
