import { address } from './commands/address.ts';
import type { Command } from './commands/command.ts';
import { doctor } from './commands/doctor.ts';
import { mailbox } from './commands/mailbox.ts';
import { resolve } from './commands/resolve.ts';
import { topology } from './commands/topology.ts';
import { trace } from './commands/trace.ts';
import { reasonOf } from './error-code.ts';
import { UsageError } from './options.ts';

const commands: Record<string, Command> = { resolve, address, mailbox, trace, doctor, topology };

const list = `npm run mailrail -- COMMAND [options]

${Object.entries(commands)
  .map(([name, { says }]) => `  ${name.padEnd(12)} ${says}`)
  .join('\n')}
  help         this list; \`help COMMAND\` says more

Exit codes: 0 all right, 1 something was found wrong or nothing was found, 64 wrong words.
`;

async function main([name = 'help', ...argv]: readonly string[]): Promise<number> {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const asksForHelp = name === 'help' || name === '--help' || name === '-h';
  const wanted = asksForHelp ? argv[0] : name;
  const command = wanted !== undefined && Object.hasOwn(commands, wanted) ? commands[wanted] : undefined;
  if (asksForHelp && wanted === undefined) {
    process.stdout.write(list);
    return 0;
  }
  if (command === undefined) {
    process.stderr.write(`there is no command ${wanted}\n\n${list}`);
    return 64;
  }
  if (asksForHelp || argv.includes('--help') || argv.includes('-h')) {
    print(`npm run mailrail -- ${command.usage}\n\n${command.help}`);
    return 0;
  }
  try {
    return await command.run(argv, { env: process.env, cwd: process.cwd(), print });
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`usage: npm run mailrail -- ${command.usage}\n`);
    return error instanceof UsageError ? 64 : 1;
  }
}

// A reader such as `head` that has seen enough is no fault.
process.stdout.on('error', () => process.exit(0));
process.exitCode = await main(process.argv.slice(2));
