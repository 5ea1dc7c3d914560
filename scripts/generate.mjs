// Writes docs/generated, and what is generated under k8s/.
import { writeManifests } from '../deploy/k8s/src/manifest-files.ts';
import { writeGenerated } from './checks/generated.mjs';

console.log(`docs/generated: ${await writeGenerated()} files`);
console.log(`k8s: ${writeManifests()} files`);
