/** The thread of a backtest. It reads the log, answers once, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PolicyResult, runBacktest } from '@kora-wake/backtest/backtest';
import { pairRules } from '@kora-wake/backtest/pair-rules';
import { type LogContent, readLog } from '@kora-wake/backtest/read-log';
import { suggest } from '@kora-wake/backtest/suggest';
import { parsePolicy } from '@kora-wake/shared/policy/policy';
import type { Rule } from '@kora-wake/shared/policy/rules';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import { senderQuiet } from '@kora-wake/shared/wake/incident';
import { debounceId } from '@kora-wake/shared/wake/pair';
import { redactor } from '@kora-wake/shared/wake/redact';
import { MAX_MISSED } from '../contract.ts';
import type { ThreadInput, ThreadResult, Tried } from './backtests.ts';

/** Faults or warnings of a policy in an answer. */
const MAX_FAULTS = 100;
/** Pairs of each policy in an answer. */
const MAX_PAIRS = 200;

const input: ThreadInput = workerData;
parentPort?.postMessage(await run(input));

async function run({
  logPath,
  tried,
  current,
  debounce,
  quietMs,
  from,
  to,
  timezone,
  patterns,
  known,
  now,
}: ThreadInput): Promise<ThreadResult> {
  const hasIncidents = quietMs > 0;
  const { rules } = current;
  const { text, rule } = textOf(tried, rules);
  const parsed = parsePolicy(text, hasIncidents);
  if ('faults' in parsed) return { kind: 'faulty', faults: linesOf(parsed.faults) };
  const redact = redactor(patterns, known);
  try {
    const content = contentOf(tried, await readLog([logPath], redact, now));
    const senderQuietMs = senderQuiet(quietMs);
    const options = { debounce, hasIncidents, quietMs, senderQuietMs, from, to, timezone, redact };
    const policies = [
      { name: 'current', ...current },
      'pair' in tried
        ? { name: 'new', rules: [...parsed.policy.rules, ...rules], storm: current.storm }
        : { name: 'new', rules: parsed.policy.rules, storm: parsed.policy.storm },
    ];
    const { missed, ...result } = runBacktest(content, { ...options, policies });
    return {
      kind: 'done',
      answer: {
        ...result,
        policies: withFirstPairs(result.policies),
        missed: missed.slice(0, MAX_MISSED),
        missedTotal: missed.length,
        missedCritical: missed.filter(({ severity }) => severity === 'critical').length,
        ...(rule !== undefined && { rule }),
        suggestions: suggest(content.rows, { ...options, rules }),
        warnings: linesOf(parsed.warnings),
      },
    };
  } catch (error) {
    if (error instanceof StartupError) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

/** The text of the policy to try, and the rules for one pair in it. They are tried exactly as people paste them. */
function textOf(tried: Tried, rules: Rule[]): { text: string; rule?: string } {
  if ('policy' in tried) return { text: tried.policy };
  const { probe, category, windowMs, consecutive } = tried.pair;
  const rule = pairRules(
    rules,
    { probe: probe.toWellFormed(), category: category.toWellFormed() },
    { ...(windowMs !== undefined && { windowMs }), ...(consecutive !== undefined && { consecutive }) },
  );
  return { text: `version: 1\nrules:\n${rule}`, rule };
}

/** All rows, or those of one pair. */
function contentOf(tried: Tried, content: LogContent): LogContent {
  if ('policy' in tried) return content;
  const pair = debounceId(tried.pair.probe.toWellFormed(), tried.pair.category.toWellFormed());
  // A recovery without a pair may concern this one. Malformed rows have no pair.
  return { ...content, rows: content.rows.filter((row) => row.pair === pair || row.pair === ''), malformed: 0 };
}

function linesOf(faults: Array<{ line: number; message: string }>): string[] {
  return faults.slice(0, MAX_FAULTS).map(({ line, message }) => `${line}: ${message}`);
}

function keyOf({ probe, category }: PolicyResult['byPair'][number]): string {
  return JSON.stringify([probe, category]);
}

/** Keeps the pairs that are among the first of any policy, so that their figures can be compared. */
function withFirstPairs(policies: PolicyResult[]): PolicyResult[] {
  const first = new Set(policies.flatMap(({ byPair }) => byPair.slice(0, MAX_PAIRS).map(keyOf)));
  return policies.map((policy) => ({ ...policy, byPair: policy.byPair.filter((pair) => first.has(keyOf(pair))) }));
}
