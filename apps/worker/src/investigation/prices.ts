/** What a call costs. Prices come with the package, as data. */
import type { Usage } from '@kora-wake/shared/wake/report';
import { calcPrice, findProvider } from '@pydantic/genai-prices';

const PROVIDER = 'anthropic';

/** The price of one call, USD, or null where the model's price is not known. */
export function priceUsd(model: string, usage: Usage): number | null {
  const { inputTokens, outputTokens, cacheCreationInputTokens: written, cacheReadInputTokens: read } = usage;
  const tokens = {
    // The package's input tokens are the total; Anthropic's leave out what was cached.
    input_tokens: inputTokens + written + read,
    cache_write_tokens: written,
    cache_read_tokens: read,
    output_tokens: outputTokens,
  };
  try {
    return calcPrice(tokens, model, { providerId: PROVIDER })?.total_price ?? null;
  } catch {
    // It refuses counts that do not add up; the answer is worth having all the same.
    return null;
  }
}

/** What the budget is charged for a call, USD: its price, or where the model is not known, the dearest one there is. */
export function chargeUsd(model: string, usage: Usage): number {
  return priceUsd(model, usage) ?? dearestUsd(usage);
}

function dearestUsd(usage: Usage): number {
  const models = findProvider({ providerId: PROVIDER })?.models ?? [];
  return Math.max(0, ...models.map(({ id }) => priceUsd(id, usage) ?? 0));
}

/**
 * The most that a call can cost, USD. A token stands for at least one byte of what is sent, and what is not cached yet
 * costs the most.
 */
export function worstCaseUsd(model: string, inputBytes: number, maxOutputTokens: number): number {
  const output = { inputTokens: 0, outputTokens: maxOutputTokens, cacheReadInputTokens: 0 };
  const fresh = { ...output, inputTokens: inputBytes, cacheCreationInputTokens: 0 };
  const cached = { ...output, cacheCreationInputTokens: inputBytes };
  return Math.max(chargeUsd(model, fresh), chargeUsd(model, cached));
}
