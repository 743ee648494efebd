/** A recorded investigation: the answers of the LLM and of the tools, so that it can run again without a network. */
import { readFileSync, writeFileSync } from 'node:fs';
import { errorCode, StartupError } from '@kora-wake/shared/runtime/errors';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { redact, redactJson } from '@kora-wake/shared/wake/redact';
import { type Tool, ToolRefused } from '@kora-wake/worker/tools/tool';
import { z } from 'zod';

const json = z.record(z.string(), z.json());
const transcript = z.object({
  /** The investigated row, as it is in the log. */
  row: json,
  /** Time of the investigation, ms since the epoch. */
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

/** @throws StartupError if the file cannot be read or is not a transcript */
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

export function writeTranscript(path: string, recorded: Transcript): void {
  // People share transcripts, so secrets are redacted, as they are for the LLM.
  const redacted = redactJson(json.parse(recorded), redact);
  writeFileSync(path, `${JSON.stringify(redacted, null, 2)}\n`, { mode: 0o600 });
}

/** A `fetch` that passes requests on and records every answer. It records no headers, so no credentials. */
export function recordingFetch(recorded: Transcript, fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const began = performance.now();
    const response = await fetch(input, init);
    const body = await response.text();
    recorded.answers.push({ status: response.status, body, ms: Math.round(performance.now() - began) });
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

/** A `fetch` that returns the recorded answers in their order, without a network. */
export function replayingFetch(recorded: Pick<Transcript, 'answers'>): typeof globalThis.fetch {
  const remaining = recorded.answers.slice();
  return async () => {
    const answer = remaining.shift();
    if (!answer) throw new Error('the transcript has no more answers');
    const headers = { 'content-type': 'application/json' };
    return new Response(answer.body, { status: answer.status, headers });
  };
}

/** The same tools, with each call recorded. */
export function recordingTools(recorded: Transcript, tools: Tool[]): Tool[] {
  recorded.offered = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  return tools.map((tool) => ({
    ...tool,
    run: async (input, context) => {
      try {
        const said = await tool.run(input, context);
        recorded.looks.push({ name: tool.name, input, said, how: 'ok' });
        return said;
      } catch (error) {
        const how = error instanceof ToolRefused ? 'refused' : 'failed';
        recorded.looks.push({ name: tool.name, input, said: error instanceof Error ? error.message : '', how });
        throw error;
      }
    },
  }));
}

/** Tools that return their recorded outputs. */
export function replayingTools(recorded: Pick<Transcript, 'offered' | 'looks'>): Tool[] {
  const remaining = recorded.looks.slice();
  return recorded.offered.map((tool) => ({
    ...tool,
    run: async (input) => {
      const look = takeLook(remaining, tool.name, input);
      if (!look) throw new Error('the transcript has no such call');
      return outputOf(look);
    },
  }));
}

/** Tools that return the recorded output of a call that was made before, and otherwise run. */
export function toolsAfter(recorded: Pick<Transcript, 'looks'>, tools: Tool[]): Tool[] {
  const remaining = recorded.looks.slice();
  return tools.map((tool) => ({
    ...tool,
    run: async (input, context) => {
      const look = takeLook(remaining, tool.name, input);
      return look ? outputOf(look) : tool.run(input, context);
    },
  }));
}

type Look = Transcript['looks'][number];

function takeLook(remaining: Look[], name: string, input: JsonObject): Look | undefined {
  const same = remaining.findIndex(
    (look) => look.name === name && JSON.stringify(look.input) === JSON.stringify(input),
  );
  return same < 0 ? undefined : remaining.splice(same, 1)[0];
}

function outputOf({ how, said }: Look): string {
  if (how === 'refused') throw new ToolRefused(said);
  if (how === 'failed') throw new Error(said);
  return said;
}
