/** Reads the names of alerts in the messages of a storm. */

export const pairName = ({ probe, category }: { probe: string; category: string }) => `${probe} / ${category}`;

/**
 * The names in digests (`• probe / category`) and in replies (`• category: probe, probe ×2`). The names of a test have no such characters.
 */
export function namesIn(texts: string[]): Set<string> {
  const names = new Set<string>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, single] = /^• (\S+ \/ \S+?)(?: \(| ·|$)/.exec(line) ?? [];
    const [, category = '', probes] = /^• (\S+): (.*)$/.exec(line) ?? [];
    if (single !== undefined) names.add(single);
    for (const probe of probes?.split(', ') ?? [])
      names.add(pairName({ probe: probe.replace(/ ×\d+$/, ''), category }));
  }
  return names;
}
