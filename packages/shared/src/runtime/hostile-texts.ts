/**
 * Texts on which a regular expression backtracks most: for each of its repetitions, the text in front of it, the repeated text many
 * times, and an end that does not match.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';

/** A repetition with a lower maximum costs little. */
const MIN_REPEATS = 10;
/** A fixed number of repetitions in front of another is kept up to this length, characters. */
const MAX_PREFIX = 1_000;
/** Candidates for characters of a class that excludes others. */
const COMMON = ['a', '0', ' ', '!', 'A', '_', '-', '/', '\n', 'é'];

interface Walk {
  /** Takes the repetitions. */
  pumps: Pump[];
  /** Whether the texts contain parts that may be missing. Each way is hostile to other patterns. */
  withOptional: boolean;
}

interface Pump {
  prefix: string;
  unit: string;
}

/** @param length of each text, characters */
export function hostileTexts({ source, flags }: RegExp, length: number): string[] {
  const tree = new RegExpParser().parsePattern(source, 0, source.length, { unicode: flags.includes('u') });
  const pumps: Pump[] = [];
  for (const withOptional of [true, false]) sampleOf(tree, '', { pumps, withOptional });
  const distinct = new Map(pumps.map((pump) => [JSON.stringify(pump), pump]));
  return [...distinct.values()].map(({ prefix, unit }) => {
    const repeats = Math.ceil(length / unit.length);
    return `${prefix}${unit.repeat(repeats)}\0`;
  });
}

/**
 * Adds the repetitions inside a node, and returns a text that it matches.
 *
 * @param before a text that the nodes in front of it match
 */
function sampleOf(node: AST.Pattern | AST.Element | AST.Alternative, before: string, walk: Walk): string {
  switch (node.type) {
    case 'Pattern':
    case 'Group':
    case 'CapturingGroup':
      return node.alternatives.map((each) => sampleOf(each, before, walk))[0] ?? '';
    case 'Alternative':
      return node.elements.reduce((text, each) => text + sampleOf(each, before + text, walk), '');
    case 'Quantifier': {
      const unit = sampleOf(node.element, before, walk);
      if (node.max > MIN_REPEATS && unit !== '') walk.pumps.push({ prefix: before.slice(-MAX_PREFIX), unit });
      return unit.repeat(Math.max(Number(walk.withOptional), node.min)).slice(0, MAX_PREFIX);
    }
    case 'Assertion': {
      if (!('alternatives' in node)) return '';
      const texts = node.alternatives.map((each) => sampleOf(each, before, walk));
      // Only the text of a look-behind stands in front of the next node.
      return node.kind === 'lookbehind' && !node.negate ? (texts[0] ?? '') : '';
    }
    case 'Backreference':
      return '';
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
    case 'ExpressionCharacterClass':
    default:
      return characterOf(node);
  }
}

/** A character that a class, a set such as `\w`, or a single character matches. */
function characterOf(
  node: AST.Character | AST.CharacterSet | AST.CharacterClass | AST.ExpressionCharacterClass,
): string {
  if (node.type === 'Character') return String.fromCodePoint(node.value);
  const pattern = new RegExp(`^${node.raw}$`, 's');
  const common = COMMON.find((character) => pattern.test(character));
  if (common !== undefined) return common;
  const [first] = node.type === 'CharacterClass' ? node.elements : [];
  if (first?.type === 'Character') return String.fromCodePoint(first.value);
  return first?.type === 'CharacterClassRange' ? String.fromCodePoint(first.min.value) : 'a';
}
