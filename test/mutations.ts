/** The guards of the promise, how each is taken out, and the test that must then fail. `npm run mutate` does it. */
export interface Mutation {
  guard: string;
  file: string;
  find: string;
  replace: string;
  /** The file of the test, and words of its name. */
  test: string;
  named: string;
}

const TAILER = 'apps/tailer/test/tailer.test.ts';
const WORKERS = 'apps/worker/test/workers.test.ts';
const MODEL = 'apps/tailer/test/follow.model.test.ts';

export const MUTATIONS: Mutation[] = [
  {
    guard: 'look-up before a second post',
    file: 'apps/worker/src/deliver.ts',
    find: 'const found = await at.find(wake.id, since);',
    replace: 'const found = undefined;',
    test: WORKERS,
    named: 'is found there and not posted again',
  },
  {
    guard: 'what Redis may have forgotten is looked up',
    file: 'apps/worker/src/deliver.ts',
    find: 'const forgotten = wake.emittedAt < known.since;',
    replace: 'const forgotten = false;',
    test: WORKERS,
    named: 'may have forgotten, and',
  },
  {
    guard: 'a claim of a time still to come is a claim of now',
    file: 'apps/worker/src/deliver.ts',
    find: 'Math.min(claimedAt, now())',
    replace: 'claimedAt',
    test: WORKERS,
    named: 'claimed by a clock that was ahead',
  },
  {
    guard: 'a tailer that knows better keeps the log',
    file: 'apps/tailer/src/tailer.ts',
    find: 'while (!held.aborted && (await lease.renew()));',
    replace: 'while (false as boolean);',
    test: TAILER,
    named: 'the one that knows better keeps the log',
  },
  {
    guard: 'one that stands by knows where the other was',
    file: 'apps/tailer/src/tailer.ts',
    find: '(await tailer.checkpoint.load()).position ?? memory.position',
    replace: '(await tailer.checkpoint.load()) && undefined',
    test: TAILER,
    named: 'the other takes over',
  },
  {
    guard: 'what waits by a clock that was set back is let go',
    file: 'apps/worker/src/sweep.ts',
    find: 'await job.promote();',
    replace: '',
    test: 'apps/worker/test/sweep.test.ts',
    named: 'is let go',
  },
  {
    guard: 'claim before a post',
    file: 'apps/worker/src/deliver.ts',
    find: 'await job.updateData({ ...before, claimedAt, firstClaimedAt: before.firstClaimedAt ?? claimedAt });',
    replace: '',
    test: WORKERS,
    named: 'is found there and not posted again',
  },
  {
    guard: 'a repeat that cannot be ruled out is marked',
    file: 'apps/worker/src/deliver.ts',
    find: 'deliveryNote(now() - job.timestamp, mayRepeat)',
    replace: 'deliveryNote(now() - job.timestamp, false)',
    test: WORKERS,
    named: 'may not be looked up',
  },
  {
    guard: 'where Slack put a message is kept',
    file: 'apps/worker/src/deliver.ts',
    find: 'if (!job.data.posted) await post',
    replace: 'await post',
    test: WORKERS,
    named: 'accepted before the worker died',
  },
  {
    guard: 'the paid report is kept',
    file: 'apps/worker/src/investigate.ts',
    find: 'job.data.report ?? (await investigated(',
    replace: '(await investigated(',
    test: WORKERS,
    named: 'keeps its paid report',
  },
  {
    guard: 'deliveries have no bound of starts',
    file: 'apps/worker/src/workers.ts',
    find: 'concurrency: DELIVERY_CONCURRENCY,',
    replace: 'concurrency: DELIVERY_CONCURRENCY, maxStartedAttempts: MAX_WAKE_STARTS,',
    test: WORKERS,
    named: 'may wait for Slack as often',
  },
  {
    guard: 'a wake without a message holds no window',
    file: 'apps/worker/src/workers.ts',
    find: 'releaseWindow(redis, keys, wake)',
    replace: 'Promise.resolve(wake).then(() => undefined)',
    test: WORKERS,
    named: 'holds no window',
  },
  {
    guard: 'the lease fences the commit',
    file: 'apps/tailer/src/checkpoint.ts',
    find: "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end",
    replace: '',
    test: TAILER,
    named: 'refuses a tailer whose lease another has taken',
  },
  {
    guard: 'a commit that is sent again is not counted again',
    file: 'apps/tailer/src/checkpoint.ts',
    find: 'if stored == ARGV[3] and ARGV[2] ~= ARGV[3] then return 1 end\nif stored ~= ARGV[2] then return 0 end',
    replace: '',
    test: TAILER,
    named: 'counts a batch once',
  },
  {
    guard: 'the job id is the wake id',
    file: 'packages/shared/src/queues.ts',
    find: 'jobId: wake.id,',
    replace: '',
    test: TAILER,
    named: 'finds the same job',
  },
  {
    guard: 'a second reading leaves a bypassed window alone',
    file: 'apps/tailer/src/decide.ts',
    find: "if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('DEL', KEYS[1]) end",
    replace: "redis.call('DEL', KEYS[1])",
    test: TAILER,
    named: 'leaves a bypassed window as it was',
  },
  {
    guard: 'what was enqueued is not stale later',
    file: 'apps/tailer/src/decide.ts',
    find: ' && !(await decider.queue.getJob(wake.id))',
    replace: '',
    test: TAILER,
    named: 'does not call stale',
  },
  {
    guard: 'the offset in the wake id',
    file: 'apps/tailer/src/decide.ts',
    find: '.update(`\\n${line.offset}`)',
    replace: '',
    test: TAILER,
    named: 'two equal lines',
  },
  {
    guard: 'the fingerprint of what was read',
    file: 'apps/tailer/src/follow.ts',
    find: "return { kind: 'emptied' };",
    replace: 'file.tail = Buffer.alloc(0);',
    test: MODEL,
    named: 'kept',
  },
  {
    guard: 'copies are looked for',
    file: 'apps/tailer/src/follow.ts',
    find: 'if (await copiesBefore(file)) return read();',
    replace: '',
    test: MODEL,
    named: 'copied and emptied',
  },
  {
    guard: 'late writers are waited for',
    file: 'apps/tailer/src/follow.ts',
    find: 'if (left) left.seen.at = clock();',
    replace: '',
    test: MODEL,
    named: 'late writer',
  },
  {
    guard: 'finished files are known again',
    file: 'apps/tailer/src/follow.ts',
    find: 'const known = new Set([...finished, ',
    replace: 'const known = new Set([',
    test: MODEL,
    named: 'seen exactly once',
  },
  {
    guard: 'an outcome is counted once',
    file: 'packages/shared/src/outcomes.ts',
    find: "if before == ARGV[1] or (before and before ~= 'dead') then return 0 end",
    replace: '',
    test: 'packages/shared/test/windows.test.ts',
    named: 'recorded and counted once',
  },
];
