// Who may depend on whom. The linter sees imports; this sees the manifests, without which an import does not resolve.
import { workspacePackages } from './workspace.mjs';

/** @returns {string[]} one line for each dependency that must not be. */
export function boundaryFaults(packages = workspacePackages()) {
  const folderOf = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]));
  return packages.flatMap(({ folder, manifest }) => {
    const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies });
    const ours = named.filter((name) => folderOf.has(name)).map((name) => ({ name, target: folderOf.get(name) }));
    const faults = [];
    for (const { name, target } of ours) {
      const to = (kind) => target.startsWith(`${kind}/`);
      if (to('services') && folder.startsWith('services/')) faults.push(`${folder} names ${name}: a service never knows another service`);
      if ((to('services') || to('deploy')) && folder.startsWith('libs/')) faults.push(`${folder} names ${name}: a lib is below it`);
      if (to('deploy') && folder.startsWith('services/')) faults.push(`${folder} names ${name}: a service does not know how it is run`);
    }
    const production = Object.keys(manifest.dependencies ?? {}).filter((name) => folderOf.has(name));
    if (['libs/mail', 'libs/smtp'].includes(folder) && ours.length > 0)
      faults.push(`${folder} names ${ours[0].name}: it imports nothing of ours`);
    if (folder === 'libs/contracts' && production.some((name) => name !== '@mailrail/mail'))
      faults.push(`${folder} names more than @mailrail/mail`);
    if (folder.startsWith('services/') && production.includes('@mailrail/testing'))
      faults.push(`${folder} names @mailrail/testing outside devDependencies`);
    return faults;
  });
}
