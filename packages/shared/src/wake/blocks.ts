/**
 * The blocks of a DM. Slack shows them in place of the text, so they name the issue: the text of a diagnosis does not. Their
 * elements are inert: `<!channel>`, `*bold*` and addresses stay plain letters, without escaping.
 */
import type { IncidentState } from './incident.ts';
import { type DmExtras, dmParts } from './message.ts';
import type { Report } from './report.ts';
import { fittingChars, shorten } from './text.ts';
import type { Wake } from './wake.ts';

type RichTextElement = { type: 'text'; text: string } | { type: 'link'; url: string };

export type DmBlock =
  | { type: 'header'; text: { type: 'plain_text'; text: string; emoji: false } }
  | { type: 'rich_text'; elements: Array<{ type: 'rich_text_section'; elements: RichTextElement[] }> }
  | { type: 'actions'; elements: Button[] };

interface Button {
  type: 'button';
  action_id: ButtonAction;
  /** Id of the incident. */
  value: string;
  text: { type: 'plain_text'; text: string; emoji: false };
}

const BUTTON_LABELS = {
  acknowledge: 'Acknowledge',
  snooze_1h: 'Snooze 1 h',
  snooze_8h: 'Snooze 8 h',
  resolve: 'Resolve',
} as const;
export type ButtonAction = keyof typeof BUTTON_LABELS;

export function isButtonAction(text: string): text is ButtonAction {
  return Object.hasOwn(BUTTON_LABELS, text);
}

/** What people can do about an incident in this state. */
export function buttonsFor(incidentId: string, state: IncidentState): DmBlock[] {
  const actions: Record<IncidentState, ButtonAction[]> = {
    firing: ['acknowledge', 'snooze_1h', 'snooze_8h', 'resolve'],
    acknowledged: ['snooze_1h', 'snooze_8h', 'resolve'],
    snoozed: ['acknowledge', 'resolve'],
    closed: [],
  };
  const elements = actions[state].map(
    (action): Button => ({
      type: 'button',
      action_id: action,
      value: incidentId,
      text: { type: 'plain_text', text: BUTTON_LABELS[action], emoji: false },
    }),
  );
  return elements.length > 0 ? [{ type: 'actions', elements }] : [];
}

/** Slack's limit for a header, characters. One block above its limit makes Slack refuse the whole message. */
const MAX_HEADER = 150;
/** Leaves room for the title, characters. */
const MAX_PROBE = 60;

/** A header with emoji, probe and title; then the text of the DM without its first line. */
export function dmBlocks(wake: Wake, report: Report, extras: DmExtras = {}): DmBlock[] {
  const { emoji, probe, title, body, url } = dmParts(wake, report, extras);
  const header = `${emoji} ${shorten(probe, MAX_PROBE)} · ${title}`;
  return [
    { type: 'header', text: { type: 'plain_text', text: fitted(header, MAX_HEADER), emoji: false } },
    { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: withLink(body, url) }] },
  ];
}

/** Slack may count a header after escaping. */
function fitted(text: string, max: number): string {
  return fittingChars(text, max) === text ? text : `${fittingChars(text, max - 1)}…`;
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
