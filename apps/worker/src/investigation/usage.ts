/** Token counts and costs: as a server reports them, and their sums. */
import { isJsonObject } from '@kora-wake/shared/wake/json';
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

/** Reads the usage of an answer. A gateway may report other fields, or no usage at all. */
export function usageOf(usage: unknown): Usage {
  const count = (name: string) => {
    const value = isJsonObject(usage) ? usage[name] : undefined;
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0;
  };
  return {
    inputTokens: count('input_tokens'),
    outputTokens: count('output_tokens'),
    cacheCreationInputTokens: count('cache_creation_input_tokens'),
    cacheReadInputTokens: count('cache_read_input_tokens'),
  };
}
