// Everything that is checked without running the line. All steps run; what failed is listed at the end.
import { spawn } from 'node:child_process';
import { manifestFaults } from '../deploy/k8s/src/manifest-files.ts';
import { boundaryFaults } from './checks/boundaries.mjs';
import { generatedFaults } from './checks/generated.mjs';
import { licenceFaults } from './checks/licences.mjs';
import { wordFaults } from './checks/words.mjs';
import { root } from './checks/workspace.mjs';

/** Runs a tool on this Node. @returns its output when it fails, '' when it passes. */
function tool(script, ...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? '' : output.trimEnd() || `ended with ${code}`));
  });
}
const lines = (faults) => faults.join('\n');

/**
 * Name, what a failure means for the one who reads it, and the step: '' when it passes, else what is wrong.
 *
 * @type {[string, string, () => string | Promise<string>][]}
 */
const steps = [
  ['format', 'npm run format mends it', () => tool('node_modules/@biomejs/biome/bin/biome', 'format')],
  ['types', '', () => tool('node_modules/typescript/bin/tsc')],
  ['lint', '', () => tool('node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings')],
  ['boundaries', '', () => lines(boundaryFaults())],
  ['generated files', '', async () => lines([...(await generatedFaults()), ...manifestFaults()])],
  ['licences', 'scripts/checks/licences.mjs holds the list', () => lines(licenceFaults().faults)],
  ['words', '', () => lines(wordFaults())],
];

/** @type {{ name: string, fault: string, hint: string }[]} */
const failed = [];
for (const [name, hint, step] of steps) {
  const began = performance.now();
  let fault;
  try {
    fault = await step();
  } catch (error) {
    fault = error.stack ?? String(error);
  }
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  console.log(`${fault === '' ? 'ok    ' : 'FAILED'}  ${name.padEnd(16)} ${took}`);
  if (fault !== '') failed.push({ name, fault, hint });
}
for (const { name, fault, hint } of failed) console.log(`\n--- ${name}${hint === '' ? '' : ` (${hint})`}\n${fault}`);
console.log(
  failed.length === 0
    ? '\nall checks passed'
    : `\n${failed.length} of ${steps.length} checks failed: ${failed.map(({ name }) => name).join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
