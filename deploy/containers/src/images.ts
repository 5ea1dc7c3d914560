import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, realpathSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { installPackages, workFolder } from './engine.ts';
import { run, say, succeeds } from './commands.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');

export interface Images {
  base: string; // what the Dockerfile begins with
  line: string; // what is tested
  rabbitmq: string;
  redis: string;
}

/**
 * Builds the image of the line, and sees to what it is built on and runs with. Those come from a registry where one is reached;
 * otherwise they are made from Debian's packages, with this process's Node, and do as well.
 */
export async function prepareImages(): Promise<Images> {
  const base = (await fetched('node:24-bookworm-slim')) ?? (await ownNode());
  const brokers = base === 'node:24-bookworm-slim' ? undefined : await ownBrokers();
  const rabbitmq = brokers ?? (await fetched('rabbitmq:4.1.4-management')) ?? (await ownBrokers());
  const redis = brokers ?? (await fetched('redis:8.2.1-alpine')) ?? (await ownBrokers());
  say(`building the image of the line on ${base}`);
  const line = 'mailrail-test/line:0.1.0';
  await build(['--build-arg', `BASE=${base}`, '--file', path.join(repository, 'deploy', 'Dockerfile'), '--tag', line, repository]);
  return { base, line, rabbitmq, redis };
}

/** Host network: the registry may only be reached by a proxy or an authority of this machine. */
const build = (args: readonly string[]) =>
  run('docker', ['build', '--network', 'host', ...args], { timeoutMs: 900_000, env: { ...process.env, DOCKER_BUILDKIT: '0' } });

const isHere = (image: string) => succeeds('docker', ['image', 'inspect', image]);

async function fetched(image: string): Promise<string | undefined> {
  if (await isHere(image)) return image;
  return (await succeeds('docker', ['pull', '--quiet', image], 300_000)) ? image : undefined;
}

async function debian(): Promise<string> {
  const image = 'mailrail-test/debian:bookworm-1';
  if (await isHere(image)) return image;
  if (!(await succeeds('debootstrap', ['--version']))) await installPackages(['debootstrap']);
  say('no registry is reached: making a base image from Debian’s packages (a minute, once)');
  await mkdir(workFolder, { recursive: true });
  const folder = await mkdtemp(path.join(workFolder, 'rootfs-'));
  try {
    await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', folder, mirror()], { timeoutMs: 600_000 });
    await run('sh', ['-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', folder, image], { timeoutMs: 300_000 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return image;
}

/** Where this machine's own apt looks. */
function mirror(): string {
  const files = ['/etc/apt/sources.list', ...globSync('/etc/apt/sources.list.d/*.{list,sources}').sort()].filter((file) =>
    existsSync(file),
  );
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(https?:\/\/\S+\/debian\/?)(?:\s|$)/m.exec(text)?.[1];
  return found ?? 'http://deb.debian.org/debian';
}

/**
 * The folder of the npm on the path. It is not asked for it (`npm root`): under another Node it names that Node's folder, where none is.
 *
 * @throws Error when the path leads to no npm that can be copied.
 */
function ownNpm(): string {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const command = path.join(folder, 'npm');
    if (!existsSync(command)) continue;
    const found = path.join(realpathSync(command), '..', '..');
    if (existsSync(path.join(found, 'bin', 'npm-cli.js'))) return found;
  }
  throw new Error('no npm on the path that could be put into an image: install Node.js with npm');
}

/** Debian with this process's Node and the npm beside it, as the official image has them. */
async function ownNode(): Promise<string> {
  const npm = ownNpm();
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry'], { cwd: repository });
  const authorities = '/etc/ssl/certs/ca-certificates.crt';
  const settings = [
    `ENV npm_config_registry=${registry.trim()}`,
    // Whoever stands between this machine and the registry is trusted in the image as he is here.
    ...(existsSync(authorities)
      ? [
          'COPY authorities.crt /etc/ssl/certs/ca-certificates.crt',
          `ENV NODE_EXTRA_CA_CERTS=${authorities} npm_config_cafile=${authorities}`,
        ]
      : []),
  ];
  const lines = [
    `FROM ${await debian()}`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    ...settings,
    '',
  ];
  const image = `mailrail-test/node:${process.versions.node}-${digest(lines.join('\n'))}`;
  if (await isHere(image)) return image;
  return inFolder(async (folder) => {
    await cp(process.execPath, path.join(folder, 'node'), { dereference: true });
    await cp(npm, path.join(folder, 'npm'), { recursive: true, dereference: true });
    if (existsSync(authorities)) await cp(authorities, path.join(folder, 'authorities.crt'), { dereference: true });
    await writeFile(path.join(folder, 'Dockerfile'), lines.join('\n'));
    await build(['--tag', image, folder]);
    return image;
  });
}

/** RabbitMQ and Redis from Debian's packages in one image. */
async function ownBrokers(): Promise<string> {
  const lines = [
    `FROM ${await debian()}`,
    'RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends rabbitmq-server redis-server && rm -rf /var/lib/apt/lists/*',
    // The package's own command changes the user and ignores settings from the environment.
    'ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'ENV HOME=/var/lib/rabbitmq',
    '',
  ];
  const image = `mailrail-test/brokers:bookworm-${digest(lines.join('\n'))}`;
  if (await isHere(image)) return image;
  say('no registry is reached: RabbitMQ and Redis come from Debian’s packages');
  return inFolder(async (folder) => {
    await writeFile(path.join(folder, 'Dockerfile'), lines.join('\n'));
    await build(['--tag', image, folder]);
    return image;
  });
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8);

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  await mkdir(workFolder, { recursive: true });
  const folder = await mkdtemp(path.join(workFolder, 'context-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
