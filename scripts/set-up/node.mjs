// The Node that everything after set-up runs on.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { SetUpError } from './say.mjs';

const wantedMajor = 24;

/** Path of the pinned Node from the packages; else the running one when its major version fits. */
export function pinnedNode(root) {
  const pinned = path.join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned) && spawnSync(pinned, ['--version'], { stdio: 'ignore' }).status === 0) return pinned;
  if (Number(process.versions.node.split('.')[0]) === wantedMajor) return process.execPath;
  const how =
    process.platform === 'darwin'
      ? 'brew install node@24, then put its bin folder first in PATH'
      : 'install it from https://nodejs.org or with your package manager';
  throw new SetUpError(
    `this is Node ${process.version}; Mailrail runs on Node ${wantedMajor}, and the packages bring one only for linux-x64 and linux-arm64 with glibc (this is ${process.platform}-${process.arch}): ${how}`,
  );
}
