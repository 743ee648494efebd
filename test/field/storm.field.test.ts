/** A storm of 1,000 pairs, with real apps that are killed in the middle. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAccount } from '@kora-wake/shared/store/account';
import { expect } from 'vitest';
import { namesIn, textsOf } from '../support/digests.ts';
import { doubles, environment } from '../support/doubles.ts';
import { append, eventually, type Namespace, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

const PAIRS = 1_000;
/** Longer than it takes on a busy machine, ms. */
const ENDS_MS = 150_000;

async function ended(ns: Namespace) {
  const read = () => readAccount(ns.redis, ns.keys);
  await eventually(async () => {
    const { rows, inFlight, notices } = await read();
    return rows === PAIRS && inFlight === 0 && notices.pending === 0;
  }, ENDS_MS);
  return read();
}

test.for([
  ['tailer', 0],
  ['worker', 0],
  ['worker', 1],
  ['worker', 4],
] as const)(
  'ends in one digest whose thread names each pair, if a %s is killed after %i posts',
  async ([victim, posts], { ns, logPath, folder }) => {
    const { slack, anthropic, env } = await doubles();
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'version: 1\nstorm: { pairs: 8, within: 60s }\n');
    const all = environment(ns, logPath, { ...env, KORA_POLICY_PATH: policy });
    const run = { tailer: () => runApp('tailer', all), worker: () => runApp('worker', all) };
    const apps = { tailer: run.tailer(), worker: run.worker() };
    await Promise.all([apps.tailer.until('tailer.following'), apps.worker.until('worker.ready')]);
    const rows = Array.from({ length: PAIRS }, (_, i) => wakeRow({ probe: `host-${i}`, category: 'unreachable' }));
    append(logPath, ...rows);
    await eventually(async () =>
      posts > 0 ? slack.accepted.length >= posts : (await readAccount(ns.redis, ns.keys)).inFlight > 0,
    );
    apps[victim].child.kill('SIGKILL');
    run[victim]();
    const { unaccounted, outcomes } = await ended(ns);
    expect({ unaccounted, ...outcomes }).toMatchObject({ unaccounted: 0, dead: 0, withdrawn: 0 });
    // A wake whose row was decided before the eighth pair may have a message of its own.
    const single = slack.accepted.filter(({ text }) => text.includes('Probe alert'));
    const digests = slack.accepted.filter(({ text, thread }) => text.includes('Alert storm') && !thread);
    const replies = slack.accepted.filter(({ thread }) => thread !== undefined);
    expect(digests).toHaveLength(1);
    expect(outcomes.digest).toBe(PAIRS - single.length);
    expect(replies.every(({ thread }) => thread === digests[0]?.ts)).toBe(true);
    const texts = [...digests, ...replies].flatMap(textsOf);
    const names = namesIn(texts);
    const unnamed = rows.filter((_, i) => !names.has(`host-${i} / unreachable`));
    expect(unnamed.length).toBe(single.length);
    // One investigation for all. Without a tailer, workers do not wait for the commit that makes wakes members.
    await eventually(() => digests[0]?.edits.at(-1)?.text.includes('Next step') ?? false, ENDS_MS);
    if (victim === 'worker') expect(anthropic.requests.length).toBeLessThanOrEqual(2 + 2 * single.length);
  },
);
