// The load generator: a process of its own, so that its CPU time is told apart and its clock is not disturbed by the counting.
// Takes jobs from its parent, one at a time, and ends with it.
import type { Answer, Job } from './job.ts';
import { runLoad } from './load.ts';
import { runTouch } from './touch.ts';

process.on('message', (job: Job) => {
  (job.kind === 'load' ? runLoad(job) : runTouch(job)).then(
    (result) => process.send?.({ ok: true, result } satisfies Answer),
    (error: unknown) => process.send?.({ ok: false, reason: error instanceof Error ? error.message : String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C on a terminal is for the parent: it stops what runs and then disconnects.
process.on('SIGINT', () => {});
