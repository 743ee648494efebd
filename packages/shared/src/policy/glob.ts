/** Patterns of names in the policy file: `*` stands for any text, `?` for one character. Upper and lower case differ. */

/** Characters. Names have at most 200. */
const MAX_LENGTH = 200;

/** The mistake in a pattern, as the end of a sentence that begins with its key, or undefined. */
export function globMistake(pattern: string): string | undefined {
  if (pattern === '') return 'must not be empty: use "*" for all';
  if (pattern.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  if (pattern.trim() !== pattern) return 'must not begin or end with a blank: no name does';
  return /[[\]{}]/.test(pattern) ? 'must not contain [ ] { }: only * and ? have a meaning in a pattern' : undefined;
}

/** Whether the whole text matches. It never takes more steps than the product of both lengths. */
export function matchesGlob(pattern: string, text: string): boolean {
  let [p, t] = [0, 0];
  /** The last star, and the position up to which it stands for text. */
  let [star, resume] = [-1, 0];
  while (t < text.length) {
    const symbol = pattern[p];
    if (symbol === '*') {
      star = p++;
      resume = t;
    } else if (symbol === '?' || symbol === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** Whether `wide` matches every text that `narrow` matches. */
export function coversGlob(wide: string, narrow: string): boolean {
  return walk(wide, narrow, (one, other) => one === '?' || one === other, false);
}

/** Whether some text matches both patterns. */
export function overlapsGlob(a: string, b: string): boolean {
  return walk(a, b, (one, other) => one === '?' || other === '?' || one === other, true);
}

/**
 * Compares two patterns symbol by symbol. A star of `a` may stand for any symbols of `b`.
 *
 * @param fits whether a symbol of `a` that is not a star fits a symbol of `b` that is not a star
 * @param isSymmetric whether a star of `b` may also stand for symbols of `a`
 */
function walk(a: string, b: string, fits: (one: string, other: string) => boolean, isSymmetric: boolean): boolean {
  const seen = new Map<number, boolean>();
  function from(i: number, j: number): boolean {
    const key = i * (MAX_LENGTH + 1) + j;
    const before = seen.get(key);
    if (before !== undefined) return before;
    const [one, other] = [a[i], b[j]];
    let result: boolean;
    if (one === undefined && other === undefined) result = true;
    else if (one === '*') result = from(i + 1, j) || (other !== undefined && from(i, j + 1));
    else if (isSymmetric && other === '*') result = from(i, j + 1) || (one !== undefined && from(i + 1, j));
    else if (one === undefined || other === undefined || other === '*') result = false;
    else result = fits(one, other) && from(i + 1, j + 1);
    seen.set(key, result);
    return result;
  }
  return from(0, 0);
}
