/** The form of a mapping of a named source. */

import type { Json } from '../wake/json.ts';
import type { IngestedAlert, IngestRequest, Mapped } from './alert.ts';

/** The fields that an operator may take from other places of an alert. */
type PairFields = Pick<IngestedAlert, 'probe' | 'category' | 'severity'>;

/**
 * Chooses the pair and the severity of one alert.
 *
 * @param alert the alert as the sender wrote it
 * @param defaults the fields that the source chose
 */
export type ChoosePair = (alert: Json, defaults: PairFields) => PairFields;

/**
 * Maps a body. Copies named fields only.
 *
 * @throws MappingError
 */
export type MapSource = (request: IngestRequest, choosePair: ChoosePair) => Mapped;

/** A body with one entry that is a notice, or a state that is neither firing nor over. */
export const IGNORED: Mapped = { alerts: [], ignored: 1 };

/** A body with one alert. */
export function one(alert: IngestedAlert): Mapped {
  return { alerts: [alert], ignored: 0 };
}

/** A start time with the key that it has in an alert, or nothing. */
export function startedAt(text: string): { startedAt?: string } {
  return text === '' ? {} : { startedAt: text };
}
