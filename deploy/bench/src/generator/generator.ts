import { fork } from 'node:child_process';
import path from 'node:path';
import type { Answer, Job, JobResult } from './job.ts';

/** The load generator as its parent sees it. */
export interface Generator {
  readonly pid: number;
  /** @throws Error when the generator dies, cannot do the job, or takes `withinMs` and 15 s. */
  run: <Kind extends Job>(job: Kind) => Promise<JobResult<Kind>>;
  close: () => void;
}

/** Starts the generator's process. */
export function startGenerator(): Generator {
  const child = fork(path.join(import.meta.dirname, 'main.ts'), { serialization: 'advanced', env: { ...process.env, NODE_OPTIONS: '' } });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the load generator ended with ${code ?? signal}`)));
  });
  ended.catch(() => {}); // told to whoever runs a job
  return {
    pid: child.pid ?? 0,
    run: async <Kind extends Job>(job: Kind): Promise<JobResult<Kind>> => {
      const late = Promise.withResolvers<never>();
      const limitMs = (job.kind === 'load' ? job.withinMs : job.count * (job.everyMs + 50)) + 15_000;
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        late.reject(new Error(`the load generator did not come back within ${limitMs / 1_000} s`));
      }, limitMs);
      const answered = new Promise<Answer>((resolve) => child.once('message', (answer: Answer) => resolve(answer)));
      child.send(job);
      try {
        const answer = await Promise.race([answered, ended, late.promise]);
        if (!answer.ok) throw new Error(`load generator: ${answer.reason}`);
        return answer.result as JobResult<Kind>; // the generator answers in the kind it was asked
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
  };
}
