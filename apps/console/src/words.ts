/** The words for what the API says in codes. */
import type { Investigation } from './contract.ts';

/** How a wake ended, as the person on call sees it. */
export type Fate = 'told' | 'dry_run' | 'fallback' | 'failed' | 'in_flight';

export function fateOf({ outcome }: Pick<Investigation, 'outcome'>): Fate {
  if (outcome === null) return 'in_flight';
  if (outcome === 'diagnosis') return 'told';
  return outcome === 'dead' ? 'failed' : outcome;
}

export const FATES: Record<Fate, string> = {
  told: 'Told',
  dry_run: 'Dry run',
  fallback: 'Told without a diagnosis',
  failed: 'Not told',
  in_flight: 'In flight',
};

export const STATES: Record<Investigation['state'], string> = {
  waiting: 'Waits for a worker',
  investigating: 'Being investigated',
  delivering: 'On its way to Slack',
  ended: 'Ended',
};

export const VERDICTS: Record<NonNullable<Investigation['verdict']>, string> = {
  confirmed: 'Confirmed',
  likely: 'Likely',
  inconclusive: 'Inconclusive',
};

const REASONS: Record<string, string> = {
  engine_unavailable: 'no engine credential is set',
  cost_ladder_halted: "this month's budget is spent",
  sdk_auth: 'the engine refuses the credential',
  sdk_timeout: 'the engine did not answer in time',
  sdk_rate_limited: 'the engine has too many requests',
  sdk_5xx: 'the engine failed',
  sdk_transport: 'the engine could not be reached',
};

/** Why there is no diagnosis; a code without words speaks for itself. */
export const reasonOf = (code: string) => REASONS[code] ?? code;

/** What a wake came to, in one line. */
export function finding(entry: Investigation): string {
  if (entry.outcome === null && entry.summary === null) return STATES[entry.state];
  const why = entry.code === null ? '' : `Not investigated: ${reasonOf(entry.code)}`;
  if (entry.summary !== null) return withoutDoubt(entry.summary);
  if (why) return why;
  return entry.outcome === 'dead' ? 'Nobody was told: it is a dead letter' : FATES[fateOf(entry)];
}

/** The DM says its doubt in words; here the verdict stands beside it. */
export function withoutDoubt(text: string): string {
  return text.replace(/^(?:Likely, not confirmed|Inconclusive): /, '');
}
