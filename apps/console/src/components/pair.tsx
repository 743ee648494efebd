/** Probe and category as text. The style shortens long names, and the title has them whole. */
export function Pair({ probe, category }: { probe: string; category: string }) {
  return (
    <span class="pair" title={`${probe} / ${category}`}>
      <b>{probe}</b>
      <span class="category">{category}</span>
    </span>
  );
}
