/** A tool and an answer that the tests of the investigation share. */
import type { Tool } from '../../src/tools/tool.ts';

/** A tool that runs a function of the test. */
export function look(run: Tool['run'] = async () => 'HTTP 401 from the API', name = 'look'): Tool {
  return { name, description: 'Looks.', inputSchema: { type: 'object', properties: {} }, run };
}

/** An answer whose quote is in the output of {@link look}. */
export const found = {
  verdict: 'confirmed',
  diagnosis: 'The API answers 401. The token of the probe has expired.',
  next_step: 'Renew the token.',
  evidence: [{ source: 'call-1', quote: 'HTTP 401 from the API' }],
};
/** The text of {@link found} in the DM. */
export const DM = 'The API answers 401. The token of the probe has expired.\nNext step: Renew the token.';
