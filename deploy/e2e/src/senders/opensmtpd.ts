import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { debianTree, freePorts } from '@mailrail/testing';
import { daemon, listening, type Neighbour, submitTo, toolsFolder } from './sender.ts';

/** Its paths and users are compiled in: it gets a mount name space of its own in which they are ours. */
const privately = `set -e
mount --make-rprivate /
for folder in /var/spool /run /var/lib; do mount -t tmpfs none $folder; done
mkdir -m 711 -p /var/spool/smtpd
mkdir -p /var/lib/opensmtpd/empty
for table in passwd group; do
  cp /etc/$table /var/lib/opensmtpd/$table
  for user in opensmtpd:64001 opensmtpq:64002; do
    name=\${user%:*}; id=\${user#*:}
    grep -q "^$name:" /etc/$table && continue
    case $table in
      passwd) echo "$name:x:$id:$id::/nonexistent:/usr/sbin/nologin" >> /var/lib/opensmtpd/passwd ;;
      group) echo "$name:x:$id:" >> /var/lib/opensmtpd/group ;;
    esac
  done
  mount --bind /var/lib/opensmtpd/$table /etc/$table
done
exec "$0" -d -v -f "$1"
`;

/** Debian's OpenSMTPD, unpacked and not installed, that relays everything to one port of this machine. Needs the rights of root. */
export async function opensmtpdTo(port: number): Promise<Neighbour> {
  const program = 'usr/sbin/smtpd';
  const { root, libraries } = await debianTree(toolsFolder('opensmtpd'), { packages: ['opensmtpd'], programs: [program] });
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-opensmtpd-'));
  const [own = 0] = await freePorts([0]);
  const file = path.join(dir, 'smtpd.conf');
  await writeFile(
    file,
    `smtp max-message-size 50M
listen on 127.0.0.1 port ${own} hostname opensmtpd.neighbour.example
action "relay" relay host "smtp://127.0.0.1:${port}" helo opensmtpd.neighbour.example
match from any for any action "relay"
`,
    { mode: 0o644 },
  );
  const smtpd = daemon('unshare', ['-m', 'sh', '-c', privately, path.join(root, program), file], libraries);
  await listening(own, smtpd.output);
  return {
    submit: (mail) => submitTo(own, mail),
    log: () => Promise.resolve(smtpd.output()),
    async close() {
      await smtpd.end();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
