/** Sentences about the codes of investigations that failed. */
const REASONS: Record<string, string> = {
  engine_unavailable: 'the AI is not configured',
  cost_ladder_halted: "this month's AI budget is spent",
  sdk_auth: 'the AI provider rejected the credential',
  sdk_timeout: 'the AI did not answer in time',
  sdk_rate_limited: 'the AI provider limits the request rate',
  sdk_5xx: 'the AI provider had an error',
  sdk_transport: 'the AI provider could not be reached',
  empty_response_text: 'the AI gave an empty answer',
  refused: 'the AI refused to answer',
  tool_use_max_iterations_exceeded: 'the AI came to no end within its limit of steps',
};

/** Why there is no diagnosis, as the end of a sentence. Undefined for a code that has no sentence. */
export function reasonOfCode(code: string): string | undefined {
  if (code.startsWith('sdk_4xx_')) return `the AI provider rejected the request (HTTP ${code.slice(8)})`;
  return Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
}
