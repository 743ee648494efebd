/** The rules of the policy file. Each rule names the rows that it matches, and their settings. */
import { z } from 'zod';
import { INGESTED_SEVERITIES } from '../ingest/alert.ts';
import { type IngestPolicy, SOURCE_NAMES } from '../ingest/sources.ts';
import { coversGlob, globMistake, overlapsGlob } from './glob.ts';
import { cronMistake, isTimezone, type Mute, shortestInterval } from './mute.ts';
import { duration, durationOrZero, keys, wordOf } from './schema.ts';

export interface Rule {
  /** From 1, in the order of the file. */
  number: number;
  /** Line of the file, from 1. */
  line: number;
  match: Match;
  /** Length of the debounce window, ms; 0: none. Undefined: as the environment sets it, as for `consecutive`. */
  windowMs?: number | undefined;
  /** Rows within one window length after which the pair becomes a wake. */
  consecutive?: number | undefined;
  /** Each further window of one open incident is `factor` times as long, at most `maxMs`. */
  backoff?: { factor: number; maxMs: number } | undefined;
  /** Whether a later wake of an open incident is investigated if nothing about it has changed. */
  reinvestigate: 'always' | 'on_change';
  mutes: Mute[];
}

export interface Match {
  /** Patterns, see glob.ts. */
  probe: string;
  category: string;
  /** Undefined: any severity. */
  severities?: string[] | undefined;
}

const pattern = z.string({ error: () => 'must be a name or a pattern such as "fly*"' }).superRefine((text, context) => {
  const message = globMistake(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const severity = wordOf(INGESTED_SEVERITIES);
const severities = z
  .preprocess(
    (given) => (typeof given === 'string' ? [given] : given),
    z.array(severity).min(1, 'must name a severity'),
  )
  .optional();

const MAX_CONSECUTIVE = 1_000;
const MUST_BE_COUNT = `must be a whole number from 1 to ${MAX_CONSECUTIVE}`;
const MAX_FACTOR = 100;
const MUST_BE_FACTOR = `must be a number above 1 and at most ${MAX_FACTOR}`;

const backoff = keys({
  factor: z
    .number({ error: () => MUST_BE_FACTOR })
    .gt(1, MUST_BE_FACTOR)
    .max(MAX_FACTOR, MUST_BE_FACTOR),
  max: duration,
});

const cron = z.string({ error: () => 'must be a cron expression in quotes' }).superRefine((text, context) => {
  const message = cronMistake(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** A week: a longer mute would hide more than a person remembers. */
const MAX_MUTE_MS = 7 * 86_400_000;

const mute = keys({
  cron,
  for: duration.refine((ms) => ms <= MAX_MUTE_MS, 'must be at most 7d'),
  timezone: z
    .string({ error: () => 'must be a time zone such as Europe/Berlin' })
    .refine(isTimezone, 'is no time zone: use a name such as Europe/Berlin')
    .optional(),
  reason: z
    .string({ error: () => 'must be a text' })
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional(),
});

const rule = keys({
  match: keys({ probe: pattern.optional(), category: pattern.optional(), severity: severities }).nullish(),
  window: durationOrZero.optional(),
  consecutive: z
    .int({ error: () => MUST_BE_COUNT })
    .min(1, MUST_BE_COUNT)
    .max(MAX_CONSECUTIVE, MUST_BE_COUNT)
    .optional(),
  backoff: backoff.optional(),
  reinvestigate: wordOf(['always', 'on_change']).optional(),
  mute: z
    .array(mute, { error: () => 'must be a list of mutes, each with cron and for' })
    .min(1, 'must not be an empty list')
    .optional(),
})
  .refine(({ window = 0, backoff: given }) => given === undefined || given.max >= window, {
    message: 'must be at least as long as window',
    path: ['backoff', 'max'],
  })
  .transform(({ match, window, consecutive, backoff: given, reinvestigate = 'always', mute: list = [] }) => ({
    match: {
      probe: match?.probe ?? '*',
      category: match?.category ?? '*',
      severities: match?.severity && [...new Set(match.severity)],
    },
    windowMs: window,
    consecutive,
    backoff: given && { factor: given.factor, maxMs: given.max },
    reinvestigate,
    mutes: list.map(({ cron: begin, for: forMs, timezone = 'UTC', reason = 'muted by the policy' }) => ({
      cron: begin.trim(),
      forMs,
      timezone,
      reason,
    })),
  }));

const MAX_RULES = 1_000;
/** The list `rules` of a policy file. */
export const rules = z
  .array(rule, { error: () => 'must be a list of rules' })
  .max(MAX_RULES, `must have at most ${MAX_RULES} rules`);

interface Warning {
  path: PropertyKey[];
  message: string;
}

/** Sources that send each alert only once: a muted one never comes again. */
const SENT_ONCE: ReadonlySet<string> = new Set(
  SOURCE_NAMES.filter((name) => name !== 'alertmanager' && name !== 'grafana'),
);

/** Warnings about rules that have no effect, or an effect that people may not expect. */
export function ruleWarnings(list: Rule[], ingestion: IngestPolicy): Warning[] {
  const now = Date.now();
  return list.flatMap((each, i) => {
    const path = ['rules', i];
    const before = list.slice(0, i);
    const hidden = hiddenBy(each, before);
    if (hidden)
      return [{ path, message: `never applies: rule ${hidden.number} (line ${hidden.line}) matches all its rows` }];
    // A general rule after a special one is the usual order.
    const mixed = before.find((other) => overlaps(each.match, other.match) && !coversPairs(each.match, other.match));
    return [
      ...(mixed
        ? [{ path, message: `overlaps rule ${mixed.number} (line ${mixed.line}), which decides rows that match both` }]
        : []),
      ...muteWarnings(each, path, now, ingestion),
    ];
  });
}

/** A rule before that matches every row of this one. All severities of a row can be covered by several rules. */
function hiddenBy({ match }: Rule, before: Rule[]): Rule | undefined {
  const whole = before.find((other) => covers(other.match, match));
  if (whole || !match.severities) return whole;
  const wide = (word: string) => before.find((other) => covers(other.match, { ...match, severities: [word] }));
  const hiding = match.severities.map(wide);
  return hiding.every((other) => other !== undefined) ? hiding[0] : undefined;
}

function covers(wide: Match, narrow: Match): boolean {
  const { severities: all } = wide;
  const hasSeverities = all === undefined || narrow.severities?.every((word) => all.includes(word)) === true;
  return hasSeverities && coversPairs(wide, narrow);
}

function coversPairs(wide: Match, narrow: Match): boolean {
  return coversGlob(wide.probe, narrow.probe) && coversGlob(wide.category, narrow.category);
}

function overlaps(a: Match, b: Match): boolean {
  const shareSeverity =
    a.severities === undefined ||
    b.severities === undefined ||
    a.severities.some((word) => b.severities?.includes(word));
  return shareSeverity && overlapsGlob(a.probe, b.probe) && overlapsGlob(a.category, b.category);
}

function muteWarnings({ match, mutes }: Rule, path: PropertyKey[], now: number, ingestion: IngestPolicy): Warning[] {
  if (mutes.length === 0) return [];
  const once = onceSourceOf(match, ingestion);
  return [
    ...mutes.flatMap((each, i) =>
      each.forMs >= shortestInterval(each, now)
        ? [
            {
              path: [...path, 'mute', i],
              message: 'begins again before it has ended: it mutes for longer than for says',
            },
          ]
        : [],
    ),
    ...(match.severities?.includes('critical')
      ? [{ path: [...path, 'mute'], message: 'covers critical alerts: nobody is notified of them in that time' }]
      : []),
    ...(once === undefined
      ? []
      : [
          {
            path: [...path, 'mute'],
            message: `can match alerts of ${once}, which sends each alert only once: nobody is notified of a muted one, also after the mute`,
          },
        ]),
  ];
}

/** A source that sends each alert once, and whose alerts the pattern may match. */
function onceSourceOf(match: Match, { sources, mappers }: IngestPolicy): string | undefined {
  for (const name of SENT_ONCE) {
    const fixed = sources.get(name)?.probe?.flatMap((spec) => ('text' in spec ? [spec.text] : []));
    // Without a fixed name the probe is a name from the alert, or that of the source.
    const isNamed = coversGlob(match.probe, name) || (fixed ?? []).some((text) => coversGlob(match.probe, text));
    if (isNamed) return name;
  }
  return match.probe === '*' ? [...mappers.keys()][0] : undefined;
}
