/**
 * The blocks of a DM. Slack shows them instead of the text. Their elements are inert: `<!channel>`, `*bold*` and addresses stay
 * plain letters, without escaping.
 */
import type { Feedback } from './feedback.ts';
import type { IncidentState } from './incident.ts';
import { type DmExtras, dmParts, spanText, utcText } from './message.ts';
import type { Verdict } from './outcome.ts';
import { reasonOfCode } from './reasons.ts';
import { redact } from './redact.ts';
import type { Report } from './report.ts';
import { fittingChars, removeInvisible, shorten } from './text.ts';
import type { Wake } from './wake.ts';

interface Style {
  bold?: true;
  code?: true;
}
type RichTextElement =
  | { type: 'text'; text: string; style?: Style }
  | { type: 'link'; url: string; text?: string }
  | { type: 'date'; timestamp: number; format: string; fallback: string };
interface RichTextPart {
  type: 'rich_text_section' | 'rich_text_preformatted' | 'rich_text_quote';
  elements: RichTextElement[];
}
interface PlainText {
  type: 'plain_text';
  text: string;
  emoji: false;
}

export type DmBlock =
  | { type: 'header'; text: PlainText }
  | { type: 'context'; elements: PlainText[] }
  | { type: 'rich_text'; elements: RichTextPart[] }
  | { type: 'actions'; elements: Button[] };

interface Button {
  type: 'button';
  action_id: ButtonAction;
  /** Id of the incident or the storm. */
  value: string;
  text: PlainText;
}

const BUTTON_LABELS = {
  acknowledge: 'Acknowledge',
  snooze_1h: 'Snooze 1 h',
  snooze_8h: 'Snooze 8 h',
  resolve: 'Resolve',
  hold_all: 'Hold all 30 min',
  feedback_right: 'Cause right',
  feedback_wrong: 'Cause wrong',
} as const;
export type ButtonAction = keyof typeof BUTTON_LABELS;

export function isButtonAction(text: string): text is ButtonAction {
  return Object.hasOwn(BUTTON_LABELS, text);
}

const STATE_BUTTONS: Record<IncidentState, ButtonAction[]> = {
  firing: ['acknowledge', 'snooze_1h', 'snooze_8h', 'resolve', 'hold_all'],
  acknowledged: ['snooze_1h', 'snooze_8h', 'resolve'],
  snoozed: ['acknowledge', 'resolve'],
  closed: [],
};

/** Buttons for an incident in this state, and for an opinion on its diagnosis. @param report undefined: there is nothing to say */
export function buttonsFor(incidentId: string, state: IncidentState, report?: Report): DmBlock[] {
  const feedback: ButtonAction[] = report?.kind === 'diagnosis' ? ['feedback_right', 'feedback_wrong'] : [];
  return [STATE_BUTTONS[state], feedback].flatMap((actions): DmBlock[] => {
    const elements = actions.map(
      (action): Button => ({
        type: 'button',
        action_id: action,
        value: incidentId,
        text: plain(BUTTON_LABELS[action]),
      }),
    );
    return elements.length > 0 ? [{ type: 'actions', elements }] : [];
  });
}

/** Slack's limit for a header, characters. One block above its limit makes Slack refuse the whole message. */
export const MAX_HEADER = 150;
/** Leaves room for the title, characters. */
const MAX_PROBE = 60;
/** Quotes that are shown, and their length, characters. */
const MAX_QUOTES = 2;
const MAX_QUOTE = 300;
/** All URLs together, characters. */
const MAX_LINKS = 2_000;
/** A longer command is shown only once, in its sentence, characters. */
const MAX_COMMAND = 300;
/** A next step with more of them is shown as it is. */
const MAX_COMMANDS = 5;
/** Characters. */
const MAX_CONTEXT = 1_500;
const MAX_FIELD = 80;
const MAX_SERVER_MESSAGE = 300;

/** More about a message than its text has. */
export interface BlockExtras extends DmExtras {
  /** How the incident develops, one line. Absent if there is nothing to say. */
  line?: string;
  feedback?: Feedback | null;
}

/**
 * Header, state, a sentence about an earlier diagnosis, diagnosis, next step, evidence, fields, context and links. A fallback has the
 * issue and the reason instead of the diagnosis.
 */
export function dmBlocks(wake: Wake, report: Report, extras: BlockExtras = {}): DmBlock[] {
  const { emoji, probe, title, repeated, body, note, url } = dmParts(wake, report, extras);
  const header = `${extras.isOver ? '✅' : emoji} ${shorten(probe, MAX_PROBE)} · ${title}`;
  const said = report.kind === 'diagnosis' ? partsOf(body) : { text: body, next: '' };
  return [
    { type: 'header', text: plain(fitted(header, MAX_HEADER)) },
    ...context(extras.line ?? ''),
    ...(repeated.length > 0 ? [richText([section(repeated.map(textOrDate))])] : []),
    richText([section(withLink(said.text, url))]),
    ...(said.next === '' ? [] : [richText(nextStep(said.next, url))]),
    ...(report.kind === 'diagnosis' ? evidence(report) : reason(report)),
    ...(note.trim() === '' ? [] : [richText([section([{ type: 'text', text: note.trim() }])])]),
    richText([section(fields(wake))]),
    ...context(facts(report, extras, wake.buffered ?? 0)),
    ...links(wake, extras.consoleUrl),
  ];
}

export function plain(text: string): PlainText {
  return { type: 'plain_text', text, emoji: false };
}

export function richText(elements: RichTextPart[]): DmBlock {
  return { type: 'rich_text', elements };
}

export function section(elements: RichTextElement[]): RichTextPart {
  return { type: 'rich_text_section', elements };
}

export function context(text: string): DmBlock[] {
  return text === '' ? [] : [{ type: 'context', elements: [plain(fitted(text, MAX_CONTEXT))] }];
}

/** Slack may count a text after escaping. */
export function fitted(text: string, max: number): string {
  return fittingChars(text, max) === text ? text : `${fittingChars(text, max - 1)}…`;
}

const NEXT_STEP = '\nNext step: ';

/** An answer as its diagnosis and its next step, which is empty if the answer names none. */
export function partsOf(body: string): { text: string; next: string } {
  const at = body.lastIndexOf(NEXT_STEP);
  const [text, next] = at < 0 ? [body, ''] : [body.slice(0, at), body.slice(at + NEXT_STEP.length)];
  // Slack refuses an empty element.
  return text.trim() === '' ? { text: body, next: '' } : { text, next };
}

/** Commands in backticks are preformatted, so that they can be copied. */
export function nextStep(text: string, url: string | undefined): RichTextPart[] {
  const split = text.split(/`([^`\n]+)`/);
  const parts = split.length <= 2 * MAX_COMMANDS + 1 ? split : [text];
  const elements = parts.flatMap((part, i): RichTextElement[] => {
    if (part === '') return [];
    return i % 2 === 1 ? [{ type: 'text', text: part, style: { code: true } }] : withLink(part, url);
  });
  const commands = parts.filter((part, i) => i % 2 === 1 && part.length <= MAX_COMMAND && part.trim().includes(' '));
  return [
    section([{ type: 'text', text: 'Next step: ', style: { bold: true } }, ...elements]),
    ...commands.map(
      (command): RichTextPart => ({
        type: 'rich_text_preformatted',
        elements: [{ type: 'text', text: command }],
      }),
    ),
  ];
}

const VERDICTS: Record<Verdict, string> = {
  confirmed: 'Confirmed by',
  likely: 'Likely, not confirmed',
  inconclusive: 'Inconclusive',
};

export function evidence({ verdict, evidence: quotes = [] }: Extract<Report, { kind: 'diagnosis' }>): DmBlock[] {
  if (verdict === undefined) return [];
  const shown = quotes.slice(0, MAX_QUOTES).map(
    ({ source, quote }): RichTextPart => ({
      type: 'rich_text_quote',
      elements: [{ type: 'text', text: `${clean(quote, MAX_QUOTE)} (${clean(source, MAX_FIELD)})` }],
    }),
  );
  if (shown.length === 0 && verdict !== 'confirmed') return [];
  const words =
    shown.length > 0 && verdict !== 'confirmed' ? `${VERDICTS[verdict]}. Evidence:` : `${VERDICTS[verdict]}:`;
  return shown.length === 0
    ? []
    : [richText([section([{ type: 'text', text: words, style: { bold: true } }]), ...shown])];
}

/** Why there is no diagnosis, and what the LLM server said about it. */
export function reason({ code, calls }: Extract<Report, { kind: 'fallback' }>): DmBlock[] {
  const sentence = reasonOfCode(code);
  const server = calls.findLast((call) => call.reason !== undefined)?.reason;
  const text = [
    ...(sentence === undefined ? [] : [`Not investigated: ${sentence}.`]),
    ...(server === undefined ? [] : [`The server said: ${clean(server, MAX_SERVER_MESSAGE)}`]),
  ].join('\n');
  return text === '' ? [] : [richText([section([{ type: 'text', text }])])];
}

function fields({ severity, category, emittedAt }: Wake): RichTextElement[] {
  const named = [
    ['Severity', severity],
    ['Category', category],
  ].flatMap(([name, value = '']): RichTextElement[] => [
    { type: 'text', text: `${name}: `, style: { bold: true } },
    { type: 'text', text: `${clean(value, MAX_FIELD)}  ` },
  ]);
  if (!isDate(emittedAt)) return named;
  return [...named, { type: 'text', text: 'Written: ', style: { bold: true } }, date(emittedAt)];
}

/** @param ms since the epoch */
function date(ms: number): RichTextElement {
  return {
    type: 'date',
    timestamp: Math.floor(ms / 1_000),
    format: '{date_short_pretty}, {time}',
    fallback: utcText(ms),
  };
}

function textOrDate(part: string | number): RichTextElement {
  return typeof part === 'number' ? date(part) : { type: 'text', text: part, style: { bold: true } };
}

/** Slack accepts times from 1970 on. */
function isDate(ms: number): boolean {
  return ms >= 1_000 && ms < Date.UTC(9999, 0);
}

/** Time and cost of the investigation, and people's opinion. @param buffered number of alerts before this one that were only counted */
function facts(report: Report, { feedback }: BlockExtras, buffered: number): string {
  const { toolCalls = [], calls, durationMs, costUsd } = report;
  const tools = [...new Set(toolCalls.map(({ name }) => name))].slice(0, 5).join(', ');
  const parts = [
    ...(buffered > 0 ? [`sent after ${buffered} counted ${buffered === 1 ? 'alert' : 'alerts'}`] : []),
    ...(toolCalls.length > 0
      ? [`${toolCalls.length} tool ${toolCalls.length === 1 ? 'call' : 'calls'} (${clean(tools, MAX_QUOTE)})`]
      : []),
    ...(calls.length > 0 ? [secondsText(durationMs)] : []),
    ...(costUsd === null || calls.length === 0 ? [] : [`$${costUsd.toFixed(costUsd < 0.1 ? 4 : 2)}`]),
    ...(feedback ? [feedbackText(feedback)] : []),
  ];
  return parts.join(' · ');
}

function secondsText(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : spanText(ms);
}

function feedbackText({ verdict, by, cause }: Feedback): string {
  const words = { right: 'cause right', partly: 'cause partly right', wrong: 'cause wrong' }[verdict];
  return `${words}, says ${clean(by, MAX_FIELD)}${cause === undefined ? '' : `: ${clean(cause, MAX_QUOTE)}`}`;
}

/** The page of the console, and the links of the alert. */
function links({ id, links: own = {} }: Wake, consoleUrl: string | undefined): DmBlock[] {
  const all: Array<[string, string]> = [
    ...(consoleUrl === undefined
      ? []
      : [['Console', `${consoleUrl}/#/investigations/${id}`] satisfies [string, string]]),
    // A planted link must not look like ours.
    ...shortLinks(own).filter(([name]) => name.trim().toLowerCase() !== 'console'),
  ];
  const elements = all.flatMap(([name, url]): RichTextElement[] => [
    { type: 'text', text: ' · ' },
    { type: 'link', url, text: clean(name, MAX_FIELD) || url.slice(0, MAX_FIELD) },
  ]);
  return elements.length > 0 ? [richText([section(elements.slice(1))])] : [];
}

/** Links that fit into a message. */
function shortLinks(links: Record<string, string>): Array<[string, string]> {
  let left = MAX_LINKS;
  return Object.entries(links).filter(([, { length }]) => {
    left -= length;
    return left >= 0;
  });
}

/** One line without secrets. */
function clean(text: string, max: number): string {
  return shorten(redact(removeInvisible(text)).replace(/\s+/g, ' ').trim(), max);
}

/** Only a link element can be opened. */
function withLink(body: string, url: string | undefined): RichTextElement[] {
  const at = url === undefined ? -1 : body.lastIndexOf(url);
  if (url === undefined || at < 0) return [{ type: 'text', text: body }];
  const after = body.slice(at + url.length);
  return [
    { type: 'text', text: body.slice(0, at) },
    { type: 'link', url },
    // Slack refuses an empty element.
    ...(after === '' ? [] : [{ type: 'text' as const, text: after }]),
  ];
}
