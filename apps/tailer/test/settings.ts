/** Settings of the decisions, for tests. */
import { parsePolicy } from '@kora-wake/shared/policy/policy';
import { type Settings, settingsOf } from '@kora-wake/shared/policy/settings';
import type { DebouncePolicy } from '@kora-wake/shared/wake/pair';

/** @param rules the key `rules` of a policy file as YAML */
export function fixedSettings(debounce: Partial<DebouncePolicy> = {}, rules = ''): () => Settings {
  const read = parsePolicy(`version: 1\n${rules}`);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  const usual = { windowMs: 600_000, consecutive: 1, bypassCritical: false };
  const settings = settingsOf(read.policy.rules, { ...usual, ...debounce });
  return () => settings;
}
