/** Commits batches of lines as a tailer does, for tests of what a commit changes. */
import { rowTraces } from '@kora-wake/shared/runtime/tracing';
import { readAccount } from '@kora-wake/shared/store/account';
import { NOWHERE } from '@kora-wake/shared/store/position';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import type { DebouncePolicy } from '@kora-wake/shared/wake/pair';
import { redact } from '@kora-wake/shared/wake/redact';
import { type Namespace, recoveredRow, testLog, wakeRow } from '../../../test/support/fixtures.ts';
import { checkpoint, tallyOf } from '../src/checkpoint.ts';
import { batchOf, type Decided } from '../src/decide/batch.ts';
import type { Decider } from '../src/decide/enqueue.ts';
import { wakeId } from '../src/decide/rows.ts';
import { newToken, takeLease } from '../src/lease.ts';
import type { Line } from '../src/log/scan.ts';
import { fixedSettings } from './settings.ts';

export const NOW = Date.parse('2026-11-24T03:00:00Z');
const AT = new Date(NOW).toISOString();

export const fires = (details: Record<string, unknown>, more: Parameters<typeof wakeRow>[0] = {}) =>
  wakeRow({ emittedAt: AT, category: 'c', ...more, details });
export const recovers = (details: Record<string, unknown>) => recoveredRow(details, AT);

interface Options {
  debounce?: Partial<DebouncePolicy>;
  /** The key `rules` of a policy file as YAML. */
  rules?: string;
  /** Name of the source. */
  name?: string;
  hasIncidents?: boolean;
  /** Redis's clock. */
  redisNow?: () => number;
}

/** Commits batches of lines as a tailer does. */
export async function committing(
  ns: Namespace,
  { debounce = {}, rules = '', name = 's', hasIncidents = true, redisNow = () => NOW }: Options = {},
) {
  const decider: Decider = {
    sourceName: undefined,
    redis: ns.redis,
    queue: ns.queue,
    keys: ns.keys,
    settings: fixedSettings(debounce, rules),
    hasIncidents,
    maxAgeMs: 3_600_000,
    redact,
    traces: rowTraces(),
    now: () => NOW,
    redisNow,
    log: testLog().logger,
  };
  const source = checkpoint(ns.redis, ns.keys, name, '/log', { hasIncidents });
  const lease = await takeLease(ns.redis, ns.keys.lease(name), newToken());
  if ('heldBy' in lease) throw new Error('held');
  const { token } = lease;
  const at = (offset: number) => ({
    ...NOWHERE,
    files: [{ device: '1', inode: '2', birthtime: '3', offset, fingerprint: '', head: '', at: '' }],
  });
  await source.begin(token, '', at(0), false);
  let offset = 0;
  /**
   * Decides the rows, in as many batches as they need. Runs `between` before the commit of each. If the
   * tailer `dies` before its commit, the next call begins at the same offset. The results are those of the last batch.
   */
  async function commit(
    rows: string[],
    options: { mayReplay?: boolean; between?: () => Promise<void>; dies?: boolean; isSentTwice?: boolean } = {},
  ): Promise<Committed> {
    const batch = batchOf(decider, options.mayReplay ?? false, () => undefined);
    const start = offset;
    const lines: Line[] = [];
    while (lines.length < rows.length) {
      const line = { bytes: Buffer.from(rows[lines.length] ?? ''), offset };
      if (!batch.take(line)) break;
      offset += line.bytes.length + 1;
      lines.push(line);
    }
    const decided = await batch.decide(async () => true);
    if (!decided) throw new Error('the log was said not to be ours');
    await options.between?.();
    const ids = lines.map((line) => wakeId(line, undefined));
    if (options.dies) {
      offset = start;
      return { result: 'died', decided, all: [decided], ids };
    }
    const send = () => source.commit(token, at(start), at(offset), tallyOf(decided, [], decider), false);
    const result = await send();
    if (options.isSentTwice) await send();
    if (result !== 'committed') offset = start;
    if (lines.length === rows.length || result !== 'committed') return { result, decided, all: [decided], ids };
    const rest: Committed = await commit(rows.slice(lines.length), options);
    return { ...rest, all: [decided, ...rest.all], ids: [...ids, ...rest.ids] };
  }
  const recovered = async () => (await readAccount(ns.redis, ns.keys)).recovered;
  const isMarked = async (id: string | undefined) =>
    (await readWakeRecord(ns.redis, ns.keys, id ?? ''))?.recoveredAt === NOW;
  return { commit, recovered, isMarked };
}

interface Committed {
  result: string;
  decided: Decided;
  /** Of all batches that the rows needed. */
  all: Decided[];
  ids: string[];
}
