import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { organizationFiles, readOrganization } from './organization-files.ts';
import { besideOrganization, repositoryVersion } from './manifest-files.ts';

// `node deploy/k8s/src/main.ts FOLDER`: prints the manifests of an organization of yours beside its organization.yaml.
const [folder] = process.argv.slice(2);
const file = folder === undefined ? undefined : path.join(folder, 'organization.yaml');
if (folder === undefined || file === undefined || !existsSync(file)) {
  process.stderr.write(
    'usage: node deploy/k8s/src/main.ts FOLDER, a folder with your organization.yaml (and directory.ldif, if you have one)\n',
  );
  process.exit(64);
}
try {
  const files = organizationFiles(readOrganization(readFileSync(file, 'utf8'), file), repositoryVersion(), besideOrganization(folder));
  for (const [name, text] of files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
    process.stdout.write(`${path.join(folder, name)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(78);
}
