/** An investigation kept in a file: what was asked of whom, and what came back, so that it can be run again without a network. */
import { readFileSync, writeFileSync } from 'node:fs';
import { errorCode, StartupError } from '@kora-wake/shared/runtime/errors';
import { mapStrings } from '@kora-wake/shared/wake/json';
import { redact } from '@kora-wake/shared/wake/redact';
import { type Tool, ToolRefused } from '@kora-wake/worker/tools/tool';
import { z } from 'zod';

const json = z.record(z.string(), z.json());
const transcript = z.object({
  /** The row that was investigated, as it stands in the log. */
  row: json,
  /** When it was, ms since the epoch. */
  at: z.number(),
  nonce: z.string(),
  offered: z.array(z.object({ name: z.string(), description: z.string(), inputSchema: json })),
  missing: z.array(z.string()),
  answers: z.array(z.object({ status: z.number(), body: z.string(), ms: z.number() })),
  looks: z.array(
    z.object({ name: z.string(), input: json, said: z.string(), how: z.enum(['ok', 'refused', 'failed']) }),
  ),
});

export type Transcript = z.infer<typeof transcript>;

/** @throws StartupError where the file is no transcript */
export function readTranscript(path: string): Transcript {
  try {
    return transcript.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const why = errorCode(error)
      ? `cannot be read (${errorCode(error)})`
      : 'is not a transcript that "investigate --record" wrote';
    throw new StartupError(`${path} ${why}.`, { cause: error });
  }
}

export function writeTranscript(path: string, kept: Transcript): void {
  // It will be shown around: it holds no more than the model was shown.
  const shown = mapStrings(json.parse(kept), redact);
  writeFileSync(path, `${JSON.stringify(shown, null, 2)}\n`, { mode: 0o600 });
}

/** `fetch` that keeps every answer. No header, so no credential, is kept. */
export function recordingFetch(kept: Transcript): typeof globalThis.fetch {
  return async (input, init) => {
    const began = performance.now();
    const response = await fetch(input, init);
    const body = await response.text();
    kept.answers.push({ status: response.status, body, ms: Math.round(performance.now() - began) });
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

/** `fetch` that gives the kept answers in their order, and asks nobody. */
export function replayingFetch(kept: Transcript): typeof globalThis.fetch {
  const left = kept.answers.slice();
  return async () => {
    const answer = left.shift();
    if (!answer) throw new Error('the transcript has no more answers');
    const headers = { 'content-type': 'application/json' };
    return new Response(answer.body, { status: answer.status, headers });
  };
}

/** The same tools, each call of which is kept. */
export function recordingTools(kept: Transcript, tools: Tool[]): Tool[] {
  kept.offered = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  return tools.map((tool) => ({
    ...tool,
    run: async (input, context) => {
      try {
        const said = await tool.run(input, context);
        kept.looks.push({ name: tool.name, input, said, how: 'ok' });
        return said;
      } catch (error) {
        const how = error instanceof ToolRefused ? 'refused' : 'failed';
        kept.looks.push({ name: tool.name, input, said: error instanceof Error ? error.message : '', how });
        throw error;
      }
    },
  }));
}

/** Tools that say again what they said, and look at nothing. */
export function replayingTools(kept: Transcript): Tool[] {
  const left = kept.looks.slice();
  return kept.offered.map((tool) => ({
    ...tool,
    run: async (input) => {
      const same = left.findIndex(
        (look) => look.name === tool.name && JSON.stringify(look.input) === JSON.stringify(input),
      );
      const [look] = same < 0 ? [] : left.splice(same, 1);
      if (!look) throw new Error('the transcript has no such call');
      if (look.how === 'refused') throw new ToolRefused(look.said);
      if (look.how === 'failed') throw new Error(look.said);
      return look.said;
    },
  }));
}
