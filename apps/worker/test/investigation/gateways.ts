/** Doubles of servers that speak only a part of the Messages API. Each refuses a request in its own words. */
import { callsTools, finds } from '../../../../test/support/anthropic.ts';
import { type Answer, json } from '../../../../test/support/http-double.ts';
import { found } from './looking.ts';

interface Body {
  system?: unknown;
  messages: Array<{ content: unknown }>;
  tools?: Array<{ name: string }>;
  output_config?: { effort?: string; format?: unknown };
}

/** A refusal of a request, or undefined if the server accepts it. */
export type Rule = (body: Body, text: string) => Answer | undefined;

const refuses = (status: number, body: unknown, applies: (body: Body, text: string) => boolean): Rule => {
  const answer = json(status, body);
  return (...request) => (applies(...request) ? answer : undefined);
};
const invalid = (message: string) => ({ type: 'error', error: { type: 'invalid_request_error', message } });

const hasCache = (_body: Body, text: string) => text.includes('cache_control');
const hasTools = ({ tools = [] }: Body) => tools.length > 0;
const hasHistory = ({ messages }: Body) => messages.length > 1;

export const noOutputConfig = refuses(
  400,
  invalid('output_config: Extra inputs are not permitted'),
  ({ output_config }) => output_config !== undefined,
);
export const noEffort = refuses(
  400,
  invalid('output_config.effort: Extra inputs are not permitted'),
  ({ output_config }) => output_config?.effort !== undefined,
);
export const noCacheMarks = refuses(400, invalid('system.1.cache_control: Extra inputs are not permitted'), hasCache);
export const noBlocks = refuses(
  422,
  { detail: [{ type: 'string_type', loc: ['body', 'system'], msg: 'Input should be a valid string' }] },
  ({ system }) => typeof system !== 'string',
);
export const noTools = refuses(
  400,
  { error: { code: 400, message: 'Function calling is not enabled for models/gemma-3-27b-it' } },
  hasTools,
);
export const noToolParser = refuses(
  400,
  {
    object: 'error',
    message: '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
  },
  hasTools,
);
export const noToolsMarked404 = refuses(
  404,
  { error: { message: 'No endpoints found that support tool use.', code: 404 } },
  hasTools,
);
/** It names nothing that we sent. */
export const unnamed = (applies: (body: Body, text: string) => boolean) =>
  refuses(400, { error: 'Bad Request' }, applies);
export const onlyPlain = unnamed(
  (body, text) =>
    body.output_config !== undefined || hasCache(body, text) || typeof body.system !== 'string' || hasTools(body),
);
export const brokenByTools = refuses(500, { error: { message: 'Value is not callable: null' } }, hasTools);
export const noHistory = refuses(400, { error: { message: 'Unexpected role in conversation' } }, hasHistory);
export const noBigTool = (name: string) =>
  refuses(
    400,
    {
      error: {
        message: `Invalid schema for function '${name}': array schema missing items.`,
        param: 'tools[4].function.parameters',
      },
    },
    ({ tools = [] }) => tools.some((tool) => tool.name === name),
  );
/** @param characters of the longest accepted request */
export const tooLong = (characters: number, status = 400) =>
  refuses(
    status,
    invalid('prompt is too long: 208310 tokens > 200000 maximum'),
    (_body, text) => text.length > characters,
  );

/** Calls the tool once if it may, then answers from its output. */
export function gateway(...rules: Rule[]): Answer {
  return (request, response, socket) => {
    const body: Body = JSON.parse(request.body);
    const refusal = rules.map((rule) => rule(body, request.body)).find((answer) => answer !== undefined);
    const hasOutput = request.body.includes('source=\\"call-1');
    const mayCall = hasTools(body) && !hasOutput;
    const evidence = hasOutput ? found.evidence : [];
    const answer = refusal ?? (mayCall ? callsTools({ name: 'look' }) : finds({ ...found, evidence }));
    return answer(request, response, socket);
  };
}
