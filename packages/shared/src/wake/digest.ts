/**
 * The digest of a storm: one message that says which alerts came together, and which cause they may share. It names as many of them as
 * fit; replies in its thread name the others.
 */
import {
  buttonsFor,
  context,
  type DmBlock,
  evidence,
  fitted,
  MAX_HEADER,
  nextStep,
  partsOf,
  plain,
  reason,
  richText,
  section,
} from './blocks.ts';
import type { IncidentState } from './incident.ts';
import { cleaned, EMOJIS, MAX_TEXT, OTHER_EMOJI, oneLine, spanText, utcText } from './message.ts';
import type { Report } from './report.ts';
import type { StormMember } from './storm.ts';
import { escapeForSlack, shorten } from './text.ts';

/** The facts of a storm that its digest shows. All times in ms since the epoch. */
export interface StormFacts {
  id: string;
  cause: 'storm' | 'hold';
  state: IncidentState;
  severity: string;
  openedAt: number;
  closedAt: number | null;
  by: string | null;
  snoozedUntil: number | null;
  members: StormMember[];
}

/** Characters after escaping that the names in a digest take, and in a reply. */
const DIGEST_ROOM = 1_600;
const PART_ROOM = 3_700;
/** Characters around a name at most: of a critical alert, of a category, and of a probe in its category. */
const AROUND_LINE = 30;
const AROUND_CATEGORY = 5;
const AROUND_PROBE = 11;
const MAX_COUNT = 9_999;
const MAX_NAME = 200;
/** Characters. */
const MAX_BY = 100;

/** The names that fit into a digest besides those that it has, critical ones first. @param members that no message names yet */
export function namesForDigest(members: StormMember[], present: StormMember[] = []): StormMember[] {
  return namesThatFit(members, present, DIGEST_ROOM);
}

/** The names that fit into a reply besides those that it has. */
export function namesForPart(members: StormMember[], present: StormMember[] = []): StormMember[] {
  return namesThatFit(members, present, PART_ROOM);
}

/** The names that fit besides those that are present; the first one in any case if none is. */
function namesThatFit(members: StormMember[], present: StormMember[], room: number): StormMember[] {
  const categories = new Set<string>();
  let left = room;
  const take = (member: StormMember) => {
    left -= lengthOf(member, categories);
    return left >= 0;
  };
  present.forEach(take);
  return inOrder(members).filter((member, i) => take(member) || (i === 0 && present.length === 0));
}

/** @param categories of the names before it, to which its own is added */
function lengthOf(member: StormMember, categories: Set<string>): number {
  const [probe, category] = [member.probe, member.category].map((name) => escapeForSlack(nameIn(name)).length);
  if (isCritical(member)) return (probe ?? 0) + (category ?? 0) + AROUND_LINE;
  const isNew = !categories.has(member.category);
  categories.add(member.category);
  return (probe ?? 0) + AROUND_PROBE + (isNew ? (category ?? 0) + AROUND_CATEGORY : 0);
}

/** Critical alerts first, then by category. */
function inOrder(members: StormMember[]): StormMember[] {
  return members.toSorted(
    (a, b) =>
      Number(isCritical(b)) - Number(isCritical(a)) ||
      compare.compare(a.category, b.category) ||
      compare.compare(a.probe, b.probe),
  );
}

const compare = new Intl.Collator('en', { numeric: true });
const isCritical = ({ severity }: StormMember) => severity === 'critical';

/** The name of a probe or a category. Rows limit it to 200 characters; after escaping it may be longer. */
function nameIn(name: string): string {
  return oneLine(name, MAX_NAME * 6) || '(unnamed)';
}

/** A line for each critical alert, and one for each category of the others, which few messages can hold. */
function linesOf(members: StormMember[]): string[] {
  const probes = new Map<string, string[]>();
  const criticals: string[] = [];
  for (const member of inOrder(members)) {
    const { probe, category, rows, state } = member;
    const over = state === 'closed' ? ' ✓' : '';
    const count = rows > 1 ? ` ×${Math.min(rows, MAX_COUNT)}` : '';
    if (isCritical(member)) criticals.push(`• ${nameIn(probe)} / ${nameIn(category)}, critical${count}${over}`);
    else probes.set(category, [...(probes.get(category) ?? []), `${nameIn(probe)}${count}${over}`]);
  }
  return [...criticals, ...[...probes].map(([category, names]) => `• ${nameIn(category)}: ${names.join(', ')}`)];
}

/**
 * Text and blocks of a digest. The text is escaped.
 *
 * @param notice whose names are shown in any case; empty: of none
 * @param about `report`: of the investigation, undefined if there is none; `isInvestigated`: whether it runs; `note`: about the delivery
 */
export function digestMessage(
  storm: StormFacts,
  notice: string,
  about: { report: Report | undefined; isInvestigated: boolean; note: string; line: string; hasButtons: boolean },
): { text: string; blocks: DmBlock[] } {
  const { report, isInvestigated, note, line, hasButtons } = about;
  const { members, state, severity, id } = storm;
  const emoji = EMOJIS.get(severity) ?? OTHER_EMOJI;
  const title = titleOf(storm);
  const own = members.filter((member) => notice !== '' && member.notice === notice);
  const others = namesThatFit(
    members.filter((member) => !own.includes(member)),
    own,
    DIGEST_ROOM,
  );
  const shown = [...own, ...others];
  const left = members.length - shown.length;
  const more =
    left > 0 ? [`and ${left.toLocaleString('en')} more, named in the thread of this or an earlier message`] : [];
  // An alert that joined after a person acknowledged the storm.
  const hasFiring = state !== 'closed' && members.some((member) => member.isMember && member.state === 'firing');
  const mark = shown.some((member) => member.state === 'closed') ? ['(✓ over)'] : [];
  const names = [...linesOf(shown), ...more, ...mark].join('\n');
  const heading = `${emoji} Alert storm · ${title}\n`;
  const end = `${note}\n\n(${line})`;
  const room = MAX_TEXT - escapeForSlack(`${heading}\n\n${names}${end}`).length;
  const found = foundBy(report, isInvestigated, room);
  const said = report?.kind === 'diagnosis' ? partsOf(found) : { text: found, next: '' };
  const header = `${state === 'closed' ? '✅' : emoji} Alert storm · ${title}`;
  return {
    text: escapeForSlack(`${heading}${found === '' ? '' : `${found}\n\n`}${names}${end}`),
    blocks: [
      { type: 'header', text: plain(fitted(header, MAX_HEADER)) },
      ...context(line),
      ...(said.text.trim() === '' ? [] : [richText([section([{ type: 'text', text: said.text }])])]),
      ...(said.next === '' ? [] : [richText(nextStep(said.next, undefined))]),
      ...(report?.kind === 'diagnosis' ? evidence(report) : []),
      ...(report?.kind === 'fallback' ? reason(report) : []),
      ...(note.trim() === '' ? [] : [richText([section([{ type: 'text', text: note.trim() }])])]),
      richText([section([{ type: 'text', text: names === '' ? title : names }])]),
      ...(hasButtons ? buttonsFor(id, hasFiring ? 'firing' : state, report) : []),
    ],
  };
}

/** The text of a reply that names further alerts, escaped. @param note about its delivery */
export function partText(members: StormMember[], note: string): string {
  return escapeForSlack(`Further alerts of this storm:\n${linesOf(members).join('\n')}${note}`);
}

function titleOf({ cause, members }: StormFacts): string {
  const criticals = members.filter(isCritical).length;
  const count = `${members.length.toLocaleString('en')} ${members.length === 1 ? 'alert' : 'alerts'}`;
  const words = cause === 'hold' ? `${count} came during the hold` : count;
  return criticals > 0 ? `${words}, ${criticals.toLocaleString('en')} critical` : words;
}

function foundBy(report: Report | undefined, isInvestigated: boolean, room: number): string {
  if (report?.kind === 'diagnosis') return cleaned(report.text, room);
  if (report) return `I was unable to investigate the common cause — engine returned: ${report.code}`;
  return isInvestigated ? 'The common cause is being investigated.' : '';
}

/** A storm as other programs read it. The times are ISO 8601. */
export function stormJson({ id, severity, state, openedAt, closedAt, by, members }: StormFacts): object {
  return {
    id,
    severity,
    state,
    openedAt: new Date(openedAt).toISOString(),
    closedAt: closedAt === null ? null : new Date(closedAt).toISOString(),
    acknowledgedBy: state === 'acknowledged' || state === 'snoozed' ? by : null,
    members: members.map((member) => ({
      incidentId: member.incidentId,
      probe: member.probe,
      category: member.category,
      severity: member.severity,
      state: member.state,
      rows: member.rows,
    })),
  };
}

/** One line about the state of a storm, for its digest. */
export function stormLine({ state, openedAt, closedAt, by, snoozedUntil, members }: StormFacts): string {
  const person = by === null ? '' : ` by ${shorten(by, MAX_BY)}`;
  const own = members.filter(({ isMember }) => !isMember).length;
  const of = (each: IncidentState) => members.filter((member) => member.isMember && member.state === each).length;
  const counts: Array<[number, string]> = [
    [of('firing'), 'firing'],
    [of('acknowledged'), 'acknowledged'],
    [of('snoozed'), 'snoozed'],
    [of('closed'), 'over'],
    [own, 'with newer messages'],
  ];
  const parts = [
    ...(state === 'acknowledged' ? [`acknowledged${person}`] : []),
    ...(state === 'snoozed'
      ? [`snoozed${person}${snoozedUntil === null ? '' : ` until ${utcText(snoozedUntil)}`}`]
      : []),
    ...(closedAt === null ? [] : [`over ${utcText(closedAt)} after ${spanText(closedAt - openedAt)}`]),
    `since ${utcText(openedAt)}`,
    ...counts.flatMap(([count, word]) => (count > 0 ? [`${count.toLocaleString('en')} ${word}`] : [])),
  ];
  const line = parts.join(' · ');
  return `${line.slice(0, 1).toUpperCase()}${line.slice(1)}`;
}
