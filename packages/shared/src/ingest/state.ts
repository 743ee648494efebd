/** One reading of the state words of senders whose words are a small, closed set. */
import { MappingError } from './alert.ts';

type State = 'firing' | 'recovered' | 'neither';

/** Words for states that are neither firing nor over. */
const NEITHER: ReadonlySet<string> = new Set([
  'acknowledged',
  'grace',
  'inactive',
  'insufficient_data',
  'maintenance',
  'muted',
  'new',
  'none',
  'paused',
  'pending',
  'silenced',
  'started',
  'suppressed',
  'unknown',
  'unprocessed',
]);

/**
 * Reads a state in any case.
 *
 * @param field dot path of the state, for the error
 * @throws MappingError for another word: a mistake in a template must not lose alerts silently
 */
export function readState(word: string, field: string, words: { firing: string[]; recovered: string[] }): State {
  const key = word.toLowerCase();
  if (words.firing.includes(key)) return 'firing';
  if (words.recovered.includes(key)) return 'recovered';
  if (NEITHER.has(key)) return 'neither';
  const expected = [...words.firing, ...words.recovered].join(', ');
  throw new MappingError(field, `is not a state: expected one of ${expected}`);
}
