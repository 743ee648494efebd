/** What a call costs. Prices come with the package, as data. */
import type { Usage } from '@kora-wake/shared/core/report';
import { calcPrice } from '@pydantic/genai-prices';

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
    return calcPrice(tokens, model, { providerId: 'anthropic' })?.total_price ?? null;
  } catch {
    // It refuses counts that do not add up; the answer is worth having all the same.
    return null;
  }
}
