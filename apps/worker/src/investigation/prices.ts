/** Costs of LLM calls. The prices are data of a package, and the operator's own. */
import type { ModelPrice } from '@kora-wake/shared/runtime/config';
import type { Usage } from '@kora-wake/shared/wake/report';
import { calcPrice, findProvider } from '@pydantic/genai-prices';

const PROVIDER = 'anthropic';

export interface Prices {
  /** The price of one call, USD, or null if the model's price is not known. */
  usd(model: string, usage: Usage): number | null;
  /** The budget's charge for a call, USD: its price, or the highest known price if the model is not known. */
  chargeUsd(model: string, usage: Usage): number;
  /**
   * The highest possible cost of a call, USD. A token is at least one byte of the request, and tokens that are written to the
   * cache cost the most.
   */
  worstCaseUsd(model: string, inputBytes: number, maxOutputTokens: number): number;
  /** The name under which an answer is recorded: the requested one if the server's own name for it has no price. */
  nameOf(answered: string, requested: string): string;
}

/** @param own prices of the operator, by model */
export function prices(own: Readonly<Record<string, ModelPrice>> = {}): Prices {
  const usd = (model: string, usage: Usage) => {
    const price = Object.hasOwn(own, model) ? own[model] : undefined;
    return price ? ownUsd(price, usage) : (listedUsd(model, usage) ?? listedUsd(plainName(model), usage));
  };
  const chargeUsd = (model: string, usage: Usage) => usd(model, usage) ?? highestUsd(usage);
  return {
    usd,
    chargeUsd,
    worstCaseUsd: (model, inputBytes, maxOutputTokens) => {
      const output = { inputTokens: 0, outputTokens: maxOutputTokens, cacheReadInputTokens: 0 };
      const fresh = { ...output, inputTokens: inputBytes, cacheCreationInputTokens: 0 };
      const cached = { ...output, cacheCreationInputTokens: inputBytes };
      return Math.max(chargeUsd(model, fresh), chargeUsd(model, cached));
    },
    nameOf: (answered, requested) =>
      usd(answered, ONE_TOKEN) === null && plainName(answered).includes(plainName(requested)) ? requested : answered,
  };
}

const ONE_TOKEN: Usage = { inputTokens: 1, outputTokens: 1, cacheCreationInputTokens: 0, cacheReadInputTokens: 0 };

function ownUsd({ inputUsd, outputUsd }: ModelPrice, usage: Usage): number {
  const input = usage.inputTokens + usage.cacheCreationInputTokens + usage.cacheReadInputTokens;
  return (input * inputUsd + usage.outputTokens * outputUsd) / 1e6;
}

/** A model without the additions of a cloud or a gateway: `us.anthropic.claude-x-v1:0` and `anthropic/claude-x` are `claude-x`. */
function plainName(model: string): string {
  return model
    .slice(model.lastIndexOf('/') + 1)
    .replace(/^(?:[a-z]{1,20}\.){0,3}anthropic\./, '')
    .replace(/(?:-v\d{1,3})?(?::\d{1,3})?$|@[\w-]{1,30}$/, '')
    .replace(/(\d)\.(?=\d)/g, '$1-');
}

function listedUsd(model: string, usage: Usage): number | null {
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

function highestUsd(usage: Usage): number {
  const models = findProvider({ providerId: PROVIDER })?.models ?? [];
  return Math.max(0, ...models.map(({ id }) => listedUsd(id, usage) ?? 0));
}
