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
const NAMES_ROOM = 1_600;
const PART_ROOM = 3_700;
/** Characters after a name at most: the number of its alerts, its state, the end of the line. */
const AFTER_NAME = 27;
/** The same around a category in a reply, and after a probe. */
const AROUND_CATEGORY = 5;
const AFTER_PROBE = 9;
const MAX_COUNT = 9_999;
const MAX_NAME = 200;
/** Characters. */
const MAX_BY = 100;

/** The names that fit into a digest, critical ones first. @param members that no message names yet */
export function namesForDigest(members: StormMember[]): StormMember[] {
  return fitting(criticalFirst(members), NAMES_ROOM);
}

/** The names that fit into a reply besides those that it has. It lists probes by their category, so that few replies are enough. */
export function namesForPart(members: StormMember[], present: StormMember[] = []): StormMember[] {
  const categories = new Set<string>();
  let left = PART_ROOM;
  const take = ({ probe, category }: StormMember) => {
    if (!categories.has(category)) left -= escapeForSlack(nameIn(category)).length + AROUND_CATEGORY;
    categories.add(category);
    left -= escapeForSlack(nameIn(probe)).length + AFTER_PROBE;
    return left >= 0;
  };
  present.forEach(take);
  const sorted = members.toSorted((a, b) => (a.category < b.category ? -1 : Number(a.category > b.category)));
  return sorted.filter((member, i) => take(member) || (i === 0 && present.length === 0));
}

/** The first members that fit into the room, and the first one in any case unless `mayBeEmpty`. */
function fitting(members: StormMember[], room: number, mayBeEmpty = false): StormMember[] {
  let left = room;
  return members.filter((member, i) => {
    left -= lengthOf(member);
    return left >= 0 || (i === 0 && !mayBeEmpty);
  });
}

function lengthOf(member: StormMember): number {
  return escapeForSlack(nameOf(member)).length + AFTER_NAME;
}

function nameOf({ probe, category }: StormMember): string {
  return `• ${nameIn(probe)} / ${nameIn(category)}`;
}

/** The name of a probe or a category. Rows limit it to 200 characters; after escaping it may be longer. */
function nameIn(name: string): string {
  return oneLine(name, MAX_NAME * 6);
}

function lineOf(member: StormMember): string {
  const { rows, state } = member;
  const alerts = rows > 1 ? ` (${rows.toLocaleString('en')} alerts)` : '';
  return `${nameOf(member)}${alerts}${state === 'closed' ? ' · over' : ''}`;
}

function criticalFirst(members: StormMember[]): StormMember[] {
  const rank = ({ severity }: StormMember) => Number(severity !== 'critical');
  return members.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Text and blocks of a digest. The text is escaped.
 *
 * @param notice the names that are assigned to it come first
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
  const own = criticalFirst(members.filter((member) => member.notice === notice));
  const others = criticalFirst(members.filter((member) => member.notice !== notice));
  const shown = [...own, ...fitting(others, NAMES_ROOM - own.reduce((sum, each) => sum + lengthOf(each), 0), true)];
  const left = members.length - shown.length;
  const more = left > 0 ? [`and ${left.toLocaleString('en')} more, named in the thread`] : [];
  const names = [...shown.map(lineOf), ...more].join('\n');
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
      ...(hasButtons ? buttonsFor(id, state, report) : []),
    ],
  };
}

/** The text of a reply that names further alerts, escaped. @param note about its delivery */
export function partText(members: StormMember[], note: string): string {
  const probes = new Map<string, string[]>();
  for (const { probe, category, rows } of members) {
    const names = probes.get(category) ?? [];
    names.push(rows > 1 ? `${nameIn(probe)} ×${Math.min(rows, MAX_COUNT)}` : nameIn(probe));
    probes.set(category, names);
  }
  const lines = [...probes].map(([category, names]) => `• ${nameIn(category)}: ${names.join(', ')}`);
  return escapeForSlack(`Further alerts of this storm, by category:\n${lines.join('\n')}${note}`);
}

function titleOf({ cause, members }: StormFacts): string {
  const criticals = members.filter(({ severity }) => severity === 'critical').length;
  const count = `${members.length.toLocaleString('en')} ${members.length === 1 ? 'alert' : 'alerts'}`;
  const words = cause === 'hold' ? `${count} came during the hold` : `${count} at once`;
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
