/** A double of the Messages API. */
import { type Answer, type HttpDouble, httpDouble, json } from './http-double.ts';

export const DIAGNOSIS =
  'The Fly API answers 401, so the token of the probe has most likely expired.\nNext step: renew the token.';

/** A message in the format of the API. */
export function message(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5-5',
    content: text === '' ? [] : [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 500, output_tokens: 60, cache_creation_input_tokens: 10, cache_read_input_tokens: 20 },
    ...more,
  };
}

export const diagnose: Answer = json(200, message(DIAGNOSIS));

/** An error in the format of the API. */
export function apiError(status: number, headers: Record<string, string> = {}): Answer {
  return json(status, { type: 'error', error: { type: 'some_error', message: 'no' } }, headers);
}

export async function anthropicDouble(): Promise<HttpDouble> {
  return httpDouble(diagnose);
}

/** A message that calls tools. */
export function callsTools(...calls: Array<{ name: string; input?: Record<string, unknown> }>): Answer {
  const content = calls.map(({ name, input = {} }, i) => ({ type: 'tool_use', id: `toolu_${i}`, name, input }));
  return json(200, message('', { content, stop_reason: 'tool_use' }));
}

/** A message whose text follows the answer schema. */
export function finds(finding: {
  verdict: string;
  diagnosis: string;
  next_step: string;
  evidence: Array<{ source: string; quote: string }>;
}): Answer {
  return json(200, message(JSON.stringify(finding)));
}
