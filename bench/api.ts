/** Response times of the API: with many open windows, and during a storm of wakes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { append, wakeRow } from '../test/support/rows.ts';
import { apiUrl } from '../test/support/spawn.ts';
import { type Bench, median, quantile, ratios, repeated, timed } from './measure.ts';
import { type Sandbox, stop } from './world.ts';

const MANY = 100_000;
const FEW = 100;

/** Opens windows by appending rows that a tailer decides, then starts an API. @returns its address */
async function withWindows(sandbox: Sandbox, windows: number): Promise<string> {
  const tailer = sandbox.app('tailer', { KORA_PROBE_DEBOUNCE_SECONDS: '86400' });
  const counted = async () => (await readAccount(sandbox.redis, sandbox.keys)).enqueued;
  await tailer.until('tailer.following');
  for (let written = 0; written < windows; ) {
    const rows = Array.from({ length: Math.min(10_000, windows - written) }, (_, i) =>
      wakeRow({ probe: `probe-${Math.floor((written + i) / 20)}`, category: `category-${(written + i) % 20}` }),
    );
    append(sandbox.logPath, ...rows);
    written += rows.length;
  }
  while ((await counted()) < windows) await sleep(100);
  await stop(tailer);
  return apiUrl(sandbox.app('api'));
}

async function page(url: string, query = ''): Promise<void> {
  const response = await fetch(`${url}/v1/debounce${query}`);
  const { entries }: { entries: unknown[] } = JSON.parse(await response.text());
  if (entries.length !== 50) throw new Error(`a page has ${entries.length} windows`);
}

export const firstPage: Bench = {
  id: 'P9',
  title: 'the first page of `/v1/debounce`',
  measure: async ({ world, quick, runs }) => {
    const [many, few] = [await world.sandbox(), await world.sandbox()];
    const windows = quick ? MANY / 20 : MANY;
    const [ofMany, ofFew] = [await withWindows(many, windows), await withWindows(few, FEW)];
    const pages = quick ? 50 : 300;
    for (let warm = 0; warm < pages; warm++) for (const url of [ofMany, ofFew]) await page(url);
    const taken = await repeated(runs, async () => {
      const times = { ours: [] as number[], theirs: [] as number[], noisiest: [] as number[], found: [] as number[] };
      for (let i = 0; i < pages; i++) {
        times.ours.push(await timed(() => page(ofMany)));
        times.theirs.push(await timed(() => page(ofFew)));
        times.noisiest.push(await timed(() => page(ofMany, '?sort=suppressed')));
        // A search reads every window, so it is measured less often.
        if (i % 50 === 0) times.found.push(await timed(() => page(ofMany, '?sort=suppressed&q=CATEGORY-1')));
      }
      const { noisiest, found } = times;
      return {
        ours: median(times.ours),
        theirs: median(times.theirs),
        noisiest: median(noisiest),
        found: median(found),
      };
    });
    await Promise.all([many.end(), few.end()]);
    const [ours, theirs] = [taken.map((run) => run.ours), taken.map((run) => run.theirs)];
    const noisiest = taken.map((run) => run.noisiest);
    return {
      figures: [
        {
          label: `with ${windows} open windows against ${FEW}`,
          values: ratios(ours, theirs),
          unit: '×',
          goal: { atMost: 1.3 },
        },
        {
          label: `with ${windows}, those with the most repeats against those by name`,
          values: ratios(noisiest, ours),
          unit: '×',
          goal: { atMost: 1.3 },
        },
        { label: `with ${windows}`, values: ours, unit: 'ms' },
        { label: `with ${windows}, most repeats first`, values: noisiest, unit: 'ms' },
        { label: `with ${windows}, a search by a part of a name`, values: taken.map((run) => run.found), unit: 'ms' },
        { label: `with ${FEW}`, values: theirs, unit: 'ms' },
      ],
      notes: [
        `Rows in a log opened the windows. Each run is the median of ${pages} pages of 50 entries, requested alternately.`,
      ],
    };
  },
};

const LISTS = ['investigations', 'debounce', 'queues', 'dead-letters', 'costs', 'tailer', 'account', 'operations'];
const REQUESTS_PER_S = 200;
const ROWS_PER_S = 500;
const PAIRS = 50;

/** Sends requests at a fixed pace, without waiting for answers. A late start of a request counts as waiting time. */
async function load(url: string, ms: number): Promise<{ times: number[]; errors: number }> {
  const times: number[] = [];
  let errors = 0;
  const pending: Promise<void>[] = [];
  const start = performance.now();
  for (let n = 0; (n * 1_000) / REQUESTS_PER_S < ms; n++) {
    const due = start + (n * 1_000) / REQUESTS_PER_S;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    const ask = async () => {
      const response = await fetch(`${url}/v1/${LISTS[n % LISTS.length]}`);
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${response.status}`);
    };
    pending.push(
      ask().then(
        () => void times.push(performance.now() - due),
        () => void errors++,
      ),
    );
  }
  await Promise.all(pending);
  return { times, errors };
}

/** Appends wakes until the signal aborts. */
async function storm({ logPath }: Sandbox, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; ) {
    const rows = Array.from({ length: ROWS_PER_S / 10 }, () => wakeRow({ probe: `probe-${n++ % PAIRS}` }));
    append(logPath, ...rows);
    await sleep(100);
  }
}

export const listsUnderStorm: Bench = {
  id: 'load',
  title: 'the lists of the API during a storm of wakes',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const url = await apiUrl(sandbox.app('api'));
    const tailer = sandbox.app('tailer', { KORA_PROBE_DEBOUNCE_SECONDS: '1' });
    await Promise.all([tailer.until('tailer.following'), sandbox.app('worker').until('worker.ready')]);
    const over = new AbortController();
    const storming = storm(sandbox, over.signal);
    await load(url, 2_000);
    const asked = await repeated(runs, async () => {
      const { times, errors } = await load(url, quick ? 3_000 : 30_000);
      return { p50: median(times), p99: quantile(times, 0.99), max: Math.max(...times), errors };
    });
    over.abort();
    await storming;
    const { rows, enqueued, unaccounted } = await readAccount(sandbox.redis, sandbox.keys);
    await sandbox.end();
    return {
      figures: [
        { label: 'median', values: asked.map(({ p50 }) => p50), unit: 'ms' },
        { label: 'p99', values: asked.map(({ p99 }) => p99), unit: 'ms' },
        { label: 'longest', values: asked.map(({ max }) => max), unit: 'ms' },
        { label: 'errors', values: asked.map(({ errors }) => errors), unit: '' },
      ],
      notes: [
        `${REQUESTS_PER_S} requests per second over ${LISTS.length} routes for ${quick ? 3 : 30} s per run, at a fixed pace; ${ROWS_PER_S} rows per second over ${PAIRS} pairs with a window of 1 s: ${rows} rows, ${enqueued} wakes, unaccounted ${unaccounted}.`,
      ],
    };
  },
};
