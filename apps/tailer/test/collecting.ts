/** What a test keeps of the lines that a follower finds. */
import type { Collector } from '../src/scan.ts';

export interface Kept extends Collector {
  lines: Array<{ text: string; offset: number }>;
}

export function keeping(): Kept {
  const lines: Kept['lines'] = [];
  return { lines, take: ({ bytes, offset }) => lines.push({ text: bytes.toString(), offset }) };
}
