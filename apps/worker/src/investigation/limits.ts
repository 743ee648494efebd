/** Limits of a request to the LLM, apart from its SDK, which is loaded only if there is a credential. */

/** Limit for thinking and the answer, tokens. */
export const MAX_TOKENS = 4_096;
