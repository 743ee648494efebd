/** Sums of token counts and costs. */
import type { Usage } from '@kora-wake/shared/wake/report';

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheCreationInputTokens: a.cacheCreationInputTokens + b.cacheCreationInputTokens,
    cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
  };
}

/** Null if one of them is not known. */
export function addCost(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

/** Whether the provider reported no tokens at all. */
export function isEmptyUsage(usage: Usage): boolean {
  const { inputTokens, outputTokens, cacheCreationInputTokens, cacheReadInputTokens } = usage;
  return inputTokens + outputTokens + cacheCreationInputTokens + cacheReadInputTokens === 0;
}
