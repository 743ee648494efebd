/** Probe and category as text. The style shortens long names, and the title has them whole. */
export function Pair({ probe, category }: { probe: string; category: string }) {
  return (
    <span class="pair" title={`${probe} / ${category}`}>
      <b>{withVisibleEnds(probe)}</b>
      <span class="category">{withVisibleEnds(category)}</span>
    </span>
  );
}

/** A browser leaves out blanks at the ends, so two names would look the same. */
const withVisibleEnds = (name: string) => name.replace(/^ +| +$/g, (blanks) => '␣'.repeat(blanks.length));
