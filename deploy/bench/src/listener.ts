import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Inodes of the sockets that listen on a port, from the text of `/proc/net/tcp` or `tcp6`. */
export function listeningInodes(table: string, port: number): string[] {
  const listening = '0A';
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local = '', , state] = fields;
    const isIt = state === listening && Number.parseInt(local.split(':')[1] ?? '', 16) === port;
    return isIt && fields[9] !== undefined ? [fields[9]] : [];
  });
}

/** The process of this machine that listens on a port, `undefined` when there is none or it is another user's. */
export function listenerOf(port: number): number | undefined {
  const inodes = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
      listeningInodes(
        quietly(() => readFileSync(file, 'latin1'), ''),
        port,
      ),
    ),
  );
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of quietly(() => readdirSync(`/proc/${pid}/fd`), [])) {
      const inode = /^socket:\[(\d+)\]$/.exec(quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`), ''))?.[1];
      if (inode !== undefined && inodes.has(inode)) return Number(pid);
    }
  }
  return undefined;
}

function quietly<Value>(read: () => Value, otherwise: Value): Value {
  try {
    return read();
  } catch {
    return otherwise; // gone, or not ours to see
  }
}
