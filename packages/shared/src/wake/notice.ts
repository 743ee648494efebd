/** Notices: messages of an incident that belong to no wake. */
import { spanText } from './message.ts';
import { shorten } from './text.ts';

/** Characters. */
const MAX_NAME = 100;

/**
 * `snooze_ended`: a snoozed incident fires again. `reminder`: it is acknowledged for long. `escalation`: nobody acknowledged it.
 * `reposted`: its message was deleted. Of a storm also `digest`, and `digest_part`: a reply in its thread with further names.
 */
export const NOTICE_KINDS = ['snooze_ended', 'reminder', 'escalation', 'reposted', 'digest', 'digest_part'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Kinds that repeat the newest message of their incident or storm. */
export type RepeatingKind = Exclude<NoticeKind, 'digest' | 'digest_part'>;

export function isRepeating(kind: NoticeKind): kind is RepeatingKind {
  return kind !== 'digest' && kind !== 'digest_part';
}

/** Stands for the recipient of an escalation over HTTP. */
export const WEBHOOK = 'webhook';

/** The reason for a notice, at the end of its text. @param forMs how long the incident fires, or was acknowledged for a reminder */
export function noticeNote(kind: RepeatingKind, forMs: number, by: string | null): string {
  const span = spanText(forMs);
  const person = by === null ? '' : ` by ${shorten(by, MAX_NAME)}`;
  const text = {
    snooze_ended: `The snooze is over and this still fires, for ${span} now.`,
    reminder: `Reminder: acknowledged${person} ${span} ago, and it still fires.`,
    escalation: `Escalated to you: it fires for ${span}, and nobody has acknowledged it.`,
    reposted: 'Posted again, because the earlier message is gone.',
  }[kind];
  return `\n\n(${text})`;
}
