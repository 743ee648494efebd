/**
 * Removes the parts of an LLM's text that are no answer: its thinking, and tool calls that it wrote as text. Servers that do not
 * know the format of a model pass these on. Each rule is one pass over the text.
 */

interface Span {
  begin: RegExp;
  /** Absent: the span goes on to the end of the text. */
  end?: RegExp;
}

const THINKING: Span[] = [
  {
    begin: /<(?:\w{1,20}:)?(?:think|thinking|thought|thoughts|reasoning)>/gi,
    end: /<\/(?:\w{1,20}:)?(?:think|thinking|thought|thoughts|reasoning)>/gi,
  },
  { begin: /\[THINK\]/g, end: /\[\/THINK\]/g },
  { begin: /◁think▷/g, end: /◁\/think▷/g },
  { begin: /<\|begin_of_thought\|>/g, end: /<\|end_of_thought\|>/g },
];

const CALLS: Span[] = [
  {
    begin: /<(?:\w{1,20}:)?(?:tool_calls?|tool_use|tool_code|function_calls?)(?:\s[^<>]{0,200})?>/gi,
    end: /<\/(?:\w{1,20}:)?(?:tool_calls?|tool_use|tool_code|function_calls?)>/gi,
  },
  { begin: /<(?:\w{1,20}:)?invoke\s[^<>]{0,200}>/gi, end: /<\/(?:\w{1,20}:)?invoke>/gi },
  { begin: /<function=[^<>]{1,200}>/gi, end: /<\/function>/gi },
  { begin: /<\|tool_calls_section_begin\|>/g, end: /<\|tool_calls_section_end\|>/g },
  { begin: /<｜tool▁calls▁begin｜>/g, end: /<｜tool▁calls▁end｜>/g },
  { begin: /^```(?:tool_code|tool_call|tool_use)\b/gim, end: /^```/gm },
  { begin: /\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_call\|>/g },
];

/** OpenAI's open models mark each channel of their text. Only the last one is for people. */
const CHANNEL = /<\|channel\|>/;
const FINAL_CHANNEL = /<\|channel\|>final[^<]{0,100}<\|message\|>/g;

/** Marks of the beginning and the end of a turn. */
const TURN_MARKS = /<\|[a-z_]{2,30}\|>|<\/s>/gi;

export interface CleanText {
  text: string;
  /** True if the text ends with a tool call, so words before it only announce that call. */
  endsWithCall: boolean;
}

export function cleanText(given: string): CleanText {
  let text = lastChannel(given);
  for (const span of THINKING) {
    const { text: kept } = removeSpans(text, span);
    // The server may have removed the beginning of the thinking, or the thinking may mention its own mark.
    const lastEnd = span.end && lastMatch(span.end, kept);
    text = lastEnd ? kept.slice(lastEnd.index + lastEnd[0].length) : kept;
  }
  let endsWithCall = false;
  for (const span of CALLS) {
    const removed = removeSpans(text, span);
    text = removed.text;
    endsWithCall ||= removed.isAtEnd;
  }
  return { text: text.replace(TURN_MARKS, '').trim(), endsWithCall };
}

function lastChannel(text: string): string {
  if (!CHANNEL.test(text)) return text;
  const final = lastMatch(FINAL_CHANNEL, text);
  return final ? text.slice(final.index + final[0].length) : '';
}

/** @returns the rest, and whether a removed span was at its end. A span without an end goes on to the end of the text. */
function removeSpans(text: string, { begin, end }: Span): { text: string; isAtEnd: boolean } {
  let kept = '';
  let at = 0;
  for (;;) {
    const first = matchFrom(begin, text, at);
    if (!first) return { text: kept + text.slice(at), isAtEnd: at > 0 && text.slice(at).trim() === '' };
    kept += text.slice(at, first.index);
    const last = end && matchFrom(end, text, first.index + first[0].length);
    if (!last) return { text: kept, isAtEnd: true };
    at = last.index + last[0].length;
  }
}

function matchFrom(pattern: RegExp, text: string, from: number): RegExpExecArray | null {
  pattern.lastIndex = from;
  return pattern.exec(text);
}

function lastMatch(pattern: RegExp, text: string): RegExpExecArray | undefined {
  // `matchAll` begins where the last use of the pattern ended, perhaps in another text.
  pattern.lastIndex = 0;
  return [...text.matchAll(pattern)].at(-1);
}
