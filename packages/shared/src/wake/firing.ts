/** Firing instances: which of several things behind a pair have a problem. */

/** Instances of a pair that are stored. If there are more, only a recovery without an instance closes the pair. */
export const MAX_INSTANCES = 1_000;

/** How recoveries are counted. `closed`: no instance of the pair fires any more. `partial`: others do. `ignored`: it did not fire. */
export type Recovery = 'closed' | 'partial' | 'ignored';

/** The name under which the pairs of a sender's instance are found. Empty if one of both is missing. */
export function originOf(sender: string, instance: string): string {
  return sender === '' || instance === '' ? '' : `${encodeURIComponent(sender)}:${encodeURIComponent(instance)}`;
}
