/** What the engine is told. */
import type { Wake } from '@kora-wake/shared/wake/wake';

export const SYSTEM_PROMPT = `You are an on-call first responder. A health probe found an issue; you tell the person on call what it most likely is.

Say what you know from the data, say plainly what you do not know, and never claim to have fixed or changed anything: you can only look.`;

/** What holds whatever the system prompt is. */
export const RULES = `Look before you speak: where a tool can tell you more than the row does, call it, several at once where that helps. Two or three calls are often enough; the person is waiting. A tool that fails or finds nothing is a finding too.

Earlier diagnoses are what somebody thought then, not proof of what is wrong now. An issue may be over by now, or not real: say so.

Answer in plain text, no markup: 2-4 sentences of diagnosis, and a one-line next step. Every claim about the state of things must rest on quotes from the data. Call it confirmed only where they prove it, inconclusive where you cannot tell.`;

/** What a wake says, as text for the door. */
export function wakeText(wake: Wake): string {
  const envelope =
    wake.envelopeEnabled && wake.envelopeFixName !== '(none)'
      ? `Self-fix envelope: ${wake.envelopeFixName} (ENABLED). It is run elsewhere; you only diagnose.`
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

/** The investigation prompt. @param fenced the wake's text, as the door let it through */
export function investigationPrompt(fenced: string): string {
  return `A probe reported this:\n\n${fenced}\n\nDiagnose it in 2-4 sentences, then give one line "Next step: …", in plain text.`;
}
