/**
 * Features of a request that some servers refuse, and the steps down to a request that every server understands. A step counts as
 * proven, and is remembered for a while, only if the server accepts the request without the feature.
 */

import type { ModelChoice } from '@kora-wake/shared/runtime/config';

/**
 * `effort` and `schema`: fields of `output_config`. `cache`: cache marks. `blocks`: the system prompt as a list. `history`: tool calls
 * and their results in the conversation.
 */
export const FEATURES = ['effort', 'schema', 'cache', 'blocks', 'tools', 'history'] as const;
export type Feature = (typeof FEATURES)[number];

/** A request that may succeed with fewer features. */
export interface Refusal {
  sent: readonly Feature[];
  /** Features whose fields are in the server's message. */
  named: readonly Feature[];
  /** Name of a tool that the message names by its name or index. */
  tool?: string;
}

/** Dropped together if the server names no field, so that there are few steps. */
const STEPS: ReadonlyArray<readonly Feature[]> = [['effort', 'schema'], ['cache', 'blocks'], ['tools']];

/** The features to drop next; none: the request cannot get simpler. */
export function nextStep({ sent, named }: Pick<Refusal, 'sent' | 'named'>): Feature[] {
  const steps = [named, ...STEPS];
  return steps.map((step) => step.filter((feature) => sent.includes(feature))).find((step) => step.length > 0) ?? [];
}

/** A proven step is forgotten after this time, because servers are updated, ms. */
const REMEMBERED_MS = 10 * 60_000;

/** The features, tools and models that a server is known to refuse. Shared by all investigations of a worker. */
export class ServerLimits {
  /** When each one was proven, on the steady clock, ms. */
  readonly #features = new Map<Feature, number>();
  readonly #tools = new Map<string, number>();
  readonly #models = new Map<string, number>();
  /** The last model that answered. */
  #answered: ModelChoice | undefined;

  lacks(feature: Feature): boolean {
    return isFresh(this.#features.get(feature));
  }

  get features(): Feature[] {
    return FEATURES.filter((feature) => this.lacks(feature));
  }

  refusesTool(name: string): boolean {
    return isFresh(this.#tools.get(name));
  }

  /** The model itself, or the last one that answered if the server does not have this one. */
  existingModel(choice: ModelChoice): ModelChoice {
    return this.#answered && isFresh(this.#models.get(choice.model)) ? this.#answered : choice;
  }

  learnModel(choice: ModelChoice): void {
    this.#answered = choice;
    this.#models.delete(choice.model);
  }

  /** Remembers that the server does not have a model. @returns false if no other model is known to work */
  replaceModel({ model }: ModelChoice): boolean {
    if (!this.#answered || this.#answered.model === model) return false;
    this.#models.set(model, performance.now());
    return true;
  }

  learn(feature: Feature): void {
    this.#features.set(feature, performance.now());
  }

  learnTool(name: string): void {
    this.#tools.set(name, performance.now());
  }
}

function isFresh(at: number | undefined): boolean {
  return at !== undefined && performance.now() - at < REMEMBERED_MS;
}

/** A field of ours as a server's message writes it. The first feature that is named counts. */
const FIELDS: ReadonlyArray<readonly [field: RegExp, features: readonly Feature[]]> = [
  [/cache_control/i, ['cache']],
  [/output_config\W{1,4}effort/i, ['effort']],
  [/output_config\W{1,4}format|output_format|json_schema/i, ['schema']],
  [/output_config/i, ['effort', 'schema']],
  [/\btool_(?:use|result)\b/i, ['history']],
  [/\btools?\b|\btool_choice\b|\bfunctions?\b/i, ['tools']],
  [/\bsystem\b/i, ['blocks']],
];

/** The features that a message names. A name only decides which step is first; without one all steps follow. */
export function namedFeatures(message: string): readonly Feature[] {
  return FIELDS.find(([field]) => field.test(message))?.[1] ?? [];
}

/** The one tool that a message names, by `tools.3`, `tools[3]` or its quoted name. @param names of the tools that were sent */
export function namedTool(message: string, names: readonly string[]): string | undefined {
  if (/cache_control/i.test(message)) return undefined;
  const quoted = names.filter((name) => ['"', "'", '`'].some((quote) => message.includes(`${quote}${name}${quote}`)));
  if (quoted.length > 0) return quoted.length === 1 ? quoted[0] : undefined;
  const index = /\btools(?:\.|\[|",\s?)(\d{1,4})\b/.exec(message)?.[1];
  return index === undefined ? undefined : names[Number(index)];
}
