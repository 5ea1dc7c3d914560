import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs } from './generator/job.ts';

/**
 * Whether a server greets with 220 in time.
 *
 * @param options `unless`: asked between attempts; true ends the waiting.
 */
export async function answersSmtp(
  { host, port }: { host: string; port: number },
  { withinMs, unless = () => false }: { withinMs: number; unless?: () => boolean },
): Promise<boolean> {
  const end = monotonicMs() + withinMs;
  while (monotonicMs() < end && !unless()) {
    if (await greets(host, port)) return true;
    await pause(50);
  }
  return false;
}

function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const over = (yes: boolean) => {
      resolve(yes);
      socket.removeAllListeners('data');
      if (yes) socket.end('QUIT\r\n');
      else socket.destroy();
    };
    socket.setTimeout(5_000, () => {
      over(false);
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => over(chunk.toString('latin1').startsWith('220')));
    socket.on('error', () => over(false));
    socket.on('close', () => over(false));
  });
}
