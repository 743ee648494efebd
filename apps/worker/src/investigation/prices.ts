/** Costs of LLM calls. The prices are data of a package. */
import type { Usage } from '@kora-wake/shared/wake/report';
import { calcPrice, findProvider } from '@pydantic/genai-prices';

const PROVIDER = 'anthropic';

/** The price of one call, USD, or null if the model's price is not known. */
export function priceUsd(model: string, usage: Usage): number | null {
  const { inputTokens, outputTokens, cacheCreationInputTokens: written, cacheReadInputTokens: read } = usage;
  const tokens = {
    // The package's input tokens are the total. Anthropic's exclude cached tokens.
    input_tokens: inputTokens + written + read,
    cache_write_tokens: written,
    cache_read_tokens: read,
    output_tokens: outputTokens,
  };
  try {
    return calcPrice(tokens, model, { providerId: PROVIDER })?.total_price ?? null;
  } catch {
    // The package refuses inconsistent counts. The answer is still useful.
    return null;
  }
}

/** The budget's charge for a call, USD: its price, or the highest known price if the model is not known. */
export function chargeUsd(model: string, usage: Usage): number {
  return priceUsd(model, usage) ?? highestUsd(usage);
}

function highestUsd(usage: Usage): number {
  const models = findProvider({ providerId: PROVIDER })?.models ?? [];
  return Math.max(0, ...models.map(({ id }) => priceUsd(id, usage) ?? 0));
}

/**
 * The highest possible cost of a call, USD. A token is at least one byte of the request, and tokens that are written to the cache
 * cost the most.
 */
export function worstCaseUsd(model: string, inputBytes: number, maxOutputTokens: number): number {
  const output = { inputTokens: 0, outputTokens: maxOutputTokens, cacheReadInputTokens: 0 };
  const fresh = { ...output, inputTokens: inputBytes, cacheCreationInputTokens: 0 };
  const cached = { ...output, cacheCreationInputTokens: inputBytes };
  return Math.max(chargeUsd(model, fresh), chargeUsd(model, cached));
}
