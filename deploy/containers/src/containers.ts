import { run } from './commands.ts';

/** Containers by the engine's command line; all of one run carry its label. */
export function containersOf(runLabel: string) {
  const docker = async (...args: readonly string[]): Promise<string> => (await run('docker', args)).stdout.trim();
  return {
    docker,
    /** Starts a container in the background. @returns its id */
    start: (name: string, args: readonly string[]) =>
      docker('run', '--detach', '--name', `${runLabel}-${name}`, '--label', `mailrail-test=${runLabel}`, ...args),
    /** Runs a command in it. */
    inside: (name: string, ...command: readonly string[]) => docker('exec', `${runLabel}-${name}`, ...command),
    kill: (name: string) => docker('kill', '--signal', 'KILL', `${runLabel}-${name}`),
    again: (name: string) => docker('start', `${runLabel}-${name}`),
    stop: (name: string, graceSeconds: number) => docker('stop', '--time', String(graceSeconds), `${runLabel}-${name}`),
    logs: async (name: string) => {
      const { stdout, stderr } = await run('docker', ['logs', '--tail', '40', `${runLabel}-${name}`]);
      return `${stdout}${stderr}`;
    },
    async state(name: string): Promise<{ status: string; exitCode: number; startedAt: number; health: string }> {
      const format =
        '{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}';
      const [status = '', exitCode = '', startedAt = '', health = ''] = (
        await docker('inspect', '--format', format, `${runLabel}-${name}`)
      ).split(' ');
      return { status, exitCode: Number(exitCode), startedAt: Date.parse(startedAt), health };
    },
    /** Ends and removes all of them, and their volumes. */
    async removeAll(): Promise<void> {
      const ids = (await docker('ps', '--all', '--quiet', '--filter', `label=mailrail-test=${runLabel}`))
        .split('\n')
        .filter((id) => id !== '');
      if (ids.length > 0) await docker('rm', '--force', '--volumes', ...ids);
      const volumes = (await docker('volume', 'ls', '--quiet', '--filter', `name=^${runLabel}-`)).split('\n').filter((name) => name !== '');
      if (volumes.length > 0) await docker('volume', 'rm', '--force', ...volumes);
    },
  };
}
export type Containers = ReturnType<typeof containersOf>;
