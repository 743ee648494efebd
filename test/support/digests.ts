/** Reads the names of alerts in the messages of a storm. */

export const pairName = ({ probe, category }: { probe: string; category: string }) => `${probe} / ${category}`;

/**
 * The names in digests and in replies: `• probe / category, critical ×2` and `• category: probe, probe ×2 ✓`. The names of a test have no
 * such characters.
 */
export function namesIn(texts: string[]): Set<string> {
  const names = new Set<string>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, critical] = /^• (\S+ \/ \S+), critical/.exec(line) ?? [];
    const [, category = '', probes] = /^• (\S+): (.*)$/.exec(line) ?? [];
    if (critical !== undefined) names.add(critical);
    for (const probe of probes?.split(', ') ?? []) names.add(pairName({ probe: probe.replace(/ .*$/, ''), category }));
  }
  return names;
}

/** The texts of a message in Slack: as it was posted, and after each edit. */
export function textsOf({ text, edits }: { text: string; edits: Array<{ text: string }> }): string[] {
  return [text].concat(edits.map((edit) => edit.text));
}
