/** YAML with the line of each value, so that a fault can name it. */
import { type Alias, type Document, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';

export interface Fault {
  /** From 1. */
  line: number;
  message: string;
}

export type YamlText =
  | { kind: 'faulty'; faults: Fault[] }
  /** `lineOf` finds the line of the value at a path, or of the nearest one around it. */
  | { kind: 'parsed'; value: unknown; lineOf: (path: readonly PropertyKey[]) => number };

/** Characters. Larger files are a mistake. */
const MAX_LENGTH = 1024 * 1024;
/** Aliases of a file, and the values that they may stand for: aliases of aliases can need more memory than there is. */
const MAX_ALIASES = 100;

/** Parses one document of YAML 1.2. All keys are texts. */
export function parseYaml(text: string): YamlText {
  if (text.length > MAX_LENGTH) return faulty([{ line: 1, message: `is longer than ${MAX_LENGTH} characters` }]);
  const lines = new LineCounter();
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    const faults = [...document.errors, ...document.warnings].map(({ pos: [offset], message }) => ({
      line: lineAt(offset),
      message,
    }));
    faults.push(...trapsIn(document).map(({ offset, message }) => ({ line: lineAt(offset), message })));
    if (faults.length > 0) return faulty(faults);
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { kind: 'parsed', value, lineOf: (path) => lineAt(offsetOf(document, path)) };
  } catch (error) {
    // The library throws if aliases stand for too many values. A text that is nested too deeply overflows its stack.
    const isDeep = error instanceof RangeError;
    return faulty([
      { line: 1, message: isDeep ? 'is nested too deeply' : 'has aliases that stand for too many values' },
    ]);
  }
}

function faulty(faults: Fault[]): YamlText {
  return { kind: 'faulty', faults };
}

/** Keys that validators skip because they are dangerous in JavaScript, and aliases without an anchor. */
function trapsIn(document: Document.Parsed): Array<{ offset: number; message: string }> {
  const traps: Array<{ offset: number; message: string }> = [];
  const aliases: Alias[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__') {
        traps.push({ offset: key.range?.[0] ?? 0, message: '__proto__ is no key' });
      }
    },
    Alias: (_, alias) => void aliases.push(alias),
  });
  // To resolve an alias takes a walk through the document.
  if (aliases.length > MAX_ALIASES) return [{ offset: 0, message: `has more than ${MAX_ALIASES} aliases` }];
  for (const alias of aliases) {
    if (alias.resolve(document) !== undefined) continue;
    traps.push({ offset: alias.range?.[0] ?? 0, message: `*${alias.source} has no anchor &${alias.source} above it` });
  }
  return traps;
}

function offsetOf({ contents }: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!pair || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isScalar(node) || isMap(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
