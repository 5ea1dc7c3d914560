// Writes docs/generated.
import { writeGenerated } from './checks/generated.mjs';

console.log(`docs/generated: ${await writeGenerated()} files`);
