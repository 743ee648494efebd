/**
 * The steps of an investigation: its LLM calls and tool calls in their order, each with input and output as the LLM saw them, redacted.
 * Pure, so that the HTTP contract can use the schemas.
 */
import { z } from 'zod';
import { ENGINE_ROUTES, TOOL_STATUSES } from '../wake/report.ts';
import type { OmittedSteps as Omitted } from '../wake/steps.ts';

export const TokenUsage = z
  .object({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cacheCreationInputTokens: z.number(),
    cacheReadInputTokens: z.number(),
  })
  .meta({ id: 'TokenUsage' });
export type TokenUsage = z.infer<typeof TokenUsage>;

const timing = { startedAt: z.iso.datetime(), durationMs: z.number() };

const LlmStep = z
  .object({
    kind: z.literal('llm'),
    route: z.enum(ENGINE_ROUTES),
    model: z.string(),
    ...timing,
    usage: TokenUsage,
    error: z.string().exactOptional().describe('error code; absent if the call was answered'),
    reason: z.string().exactOptional().describe("the server's status and own words about the error"),
    input: z.string().describe('the part of the request that no earlier step has'),
    output: z.string().describe('the text of the answer, then a line for each tool call that it asked for'),
  })
  .meta({ id: 'LlmStep' });

const ToolStep = z
  .object({
    kind: z.literal('tool'),
    source: z.string().describe('name under which the evidence quotes its output'),
    name: z.string(),
    status: z.enum(TOOL_STATUSES),
    ...timing,
    excType: z.string().exactOptional().describe('name of the error if it failed'),
    input: z.string().describe('JSON'),
    output: z.string(),
  })
  .meta({ id: 'ToolStep' });
export type ToolStep = z.infer<typeof ToolStep>;

const OmittedSteps = z
  .object({ kind: z.literal('omitted'), count: z.number().describe('steps that did not fit into the limit') })
  .meta({ id: 'OmittedSteps' }) satisfies z.ZodType<Omitted>;

export type Step = z.infer<typeof LlmStep> | ToolStep;

export const KeptStep = z.discriminatedUnion('kind', [LlmStep, ToolStep, OmittedSteps]).meta({ id: 'Step' });
export type KeptStep = z.infer<typeof KeptStep>;
