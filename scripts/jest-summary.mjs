import { writeFileSync } from 'node:fs';

/** One plain line over all projects. It goes to the file MAILRAIL_SUMMARY names, so that `npm test` can end with it; else to stdout. */
export default class Summary {
  onRunComplete(_contexts, results) {
    // A file that could not be loaded is a failure, too, though none of its tests ran.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
    const file = process.env.MAILRAIL_SUMMARY;
    if (file === undefined) process.stdout.write(`\n${line}`);
    else writeFileSync(file, line);
  }
}
