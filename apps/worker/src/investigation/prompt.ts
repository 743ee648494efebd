/** The prompts of an investigation. */
import type { Wake } from '@kora-wake/shared/wake/wake';

export const SYSTEM_PROMPT = `You are an on-call first responder. A health probe found an issue; you tell the person on call its most likely cause.

State the facts that the data shows, state plainly the facts that you do not know, and never claim to have fixed or changed anything: you can only read.`;

/** Rules that apply to any system prompt. */
export const RULES = `Check before you answer: if a tool can give you more facts than the alert, call it, and call several at once if that helps. Two or three calls are often enough, because the person is waiting. A tool that fails or finds nothing is a finding too.

Earlier diagnoses are opinions of that time, not proof of the present cause. The issue may be over by now, or not real: say so.

Answer in plain text, no markup: 2-4 sentences of diagnosis, and a one-line next step. Every claim about the state of a system must be supported by quotes from the data. Call it confirmed only if they prove it, and inconclusive if you cannot tell.`;

/** A wake as text for the LLM, not sanitized yet. */
export function wakeText(wake: Wake): string {
  const envelope =
    wake.envelopeEnabled && wake.envelopeFixName !== '(none)'
      ? `Self-fix envelope: ${wake.envelopeFixName} (ENABLED). Another system runs it; you only diagnose.`
      : 'Self-fix envelope: none. Diagnose only.';
  return [
    `Probe: ${wake.probe}`,
    `Category: ${wake.category}`,
    `Severity: ${wake.severity}`,
    `Title: ${wake.title}`,
    `Detail: ${wake.detail}`,
    `Snapshot: ${JSON.stringify(wake.snapshotDetails)}`,
    envelope,
  ].join('\n');
}

/**
 * The investigation prompt.
 *
 * @param fenced the wake's sanitized text
 * @param age sentence about the age of the alert, or empty
 * @param storm if the text is about many alerts at once; `checks`: fenced outputs of checks of our own connection
 */
export function investigationPrompt(fenced: string, age: string, storm?: { checks: string[] }): string {
  const given = [fenced, ...(age === '' ? [] : [age])].join('\n\n');
  const form = 'in 2-4 sentences, then give one line "Next step: …", in plain text.';
  if (!storm) return `A probe reported this:\n\n${given}\n\nDiagnose it ${form}`;
  const checks =
    storm.checks.length === 0 ? [] : [`Checks of our own connection, made just now:\n\n${storm.checks.join('\n\n')}`];
  const question =
    'Many alerts came at once. Find the cause that they share: one system on which all depend, one change, or our own connection, through which the probes look. Say so if they share none.';
  return [`Probes reported this:\n\n${given}`, ...checks, `${question} Diagnose it ${form}`].join('\n\n');
}
