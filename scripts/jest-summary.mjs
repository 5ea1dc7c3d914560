// One plain line at the end of a run, over all projects.
export default class Summary {
  onRunComplete(_contexts, results) {
    // A file that could not be loaded is a failure, too, though none of its tests ran.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    process.stdout.write(`\n${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  }
}
