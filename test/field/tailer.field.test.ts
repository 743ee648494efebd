/** Two tailer processes on one log: one dies or sleeps, the other takes over. */
import { describe, expect } from 'vitest';
import { environment } from '../support/doubles.ts';
import { append, counter, countWaiting, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { tripwire } from '../support/tripwire.ts';

describe('a tailer', () => {
  test('killed between adding jobs and committing is replaced by the standby; nothing is lost or recorded twice', async ({
    ns,
    logPath,
  }) => {
    const env = environment(ns, logPath, { KORA_PROBE_DEBOUNCE_SECONDS: '0' });
    // A commit of rows. The commit that only records the new file comes before any job is added.
    const wire = await tripwire(ns.redisUrl, (message) => /"enqueued":\[\{/.test(message), 'before');
    const first = runApp('tailer', { ...env, REDIS_URL: wire.url });
    await first.until('tailer.following');
    const second = runApp('tailer', env);
    await second.until('tailer.standby');
    wire.arm(1, () => void first.child.kill('SIGKILL'));
    append(logPath, ...Array.from({ length: 500 }, (_, i) => wakeRow({ category: `a${i}` })));
    await first.exited;
    await wire.close();
    expect(await countWaiting(ns.queue)).toBeGreaterThan(20);
    expect(await counter(ns, 'rows')).toBe(0);
    append(logPath, ...Array.from({ length: 50 }, (_, i) => wakeRow({ category: `b${i}` })));
    await eventually(() => counter(ns, 'rows').then((n) => n === 550));
    expect(await counter(ns, 'enqueued')).toBe(550);
    expect(await countWaiting(ns.queue)).toBe(550);
  });

  test('that slept past its lease adds nothing when it resumes', async ({ ns, logPath }) => {
    const env = environment(ns, logPath);
    const sleeper = runApp('tailer', env);
    await sleeper.until('tailer.following');
    append(logPath, wakeRow({ title: 'first' }));
    await sleeper.until('wake.enqueued');
    sleeper.child.kill('SIGSTOP');
    append(logPath, wakeRow({ title: 'second' }));
    const other = runApp('tailer', env);
    await other.until('wake.coalesced');
    // The window is over: a tailer that decides the second row again would add a job.
    await ns.queue.removeDeduplicationKey('fly:service_unhealthy');
    sleeper.child.kill('SIGCONT');
    await sleeper.until('tailer.standby');
    expect([await counter(ns, 'rows'), await counter(ns, 'coalesced'), await countWaiting(ns.queue)]).toEqual([
      2, 1, 1,
    ]);
  });
});
