/** One reading of the severity words of all senders. */
import type { IngestedSeverity } from './alert.ts';

const WORDS: Record<IngestedSeverity, readonly string[]> = {
  critical: ['critical', 'crit', 'fatal', 'emergency', 'emerg', 'disaster', 'page', 'p0', 'p1', 'sev0', 'sev1'],
  warning: [
    'warning',
    'warn',
    'error',
    'err',
    'high',
    'major',
    'medium',
    'average',
    'minor',
    'p2',
    'p3',
    'sev2',
    'sev3',
  ],
  info: ['info', 'informational', 'information', 'notice', 'debug', 'low', 'none', 'ok', 'p4', 'p5', 'sev4', 'sev5'],
};

const SEVERITIES: ReadonlyMap<string, IngestedSeverity> = new Map([
  ...WORDS.critical.map((word): [string, IngestedSeverity] => [word, 'critical']),
  ...WORDS.warning.map((word): [string, IngestedSeverity] => [word, 'warning']),
  ...WORDS.info.map((word): [string, IngestedSeverity] => [word, 'info']),
]);

/**
 * Reads a severity word in any case. An unknown word, and none, reads `warning`: it must not pass the debounce window as a critical
 * one does.
 *
 * @param map the operator's own words, in lower case; they win
 */
export function readSeverity(word: string, map: ReadonlyMap<string, IngestedSeverity> = new Map()): IngestedSeverity {
  const key = word.trim().toLowerCase();
  return map.get(key) ?? SEVERITIES.get(key.replace(/^sev-(?=\d$)/, 'sev')) ?? 'warning';
}
