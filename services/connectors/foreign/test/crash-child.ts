import { start } from '../src/main.ts';

// A connector that kills its own process when a step is behind it.
const [gateway = '', crashAt = ''] = process.argv.slice(2);
const running = await start(process.env, gateway, {
  step: (name) => {
    if (name === crashAt) process.kill(process.pid, 'SIGKILL');
  },
});
process.once('SIGTERM', () => void running.stop().then(() => process.exit(0)));
