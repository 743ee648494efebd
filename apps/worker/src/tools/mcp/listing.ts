/** Lists an MCP server's tools, in a form that fits the model, with notes about each tool that is left out. */

import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { firstChars } from '@kora-wake/shared/wake/text';
import type { Client } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { McpServer } from './config.ts';
import { isRefusal } from './failure.ts';

const LIST_MS = 15_000;
const MAX_TOOLS = 128;
const MAX_PAGES = 20;
const MAX_DESCRIPTION_CHARS = 2_000;
const MAX_SCHEMA_BYTES = 32 * 1_024;
const MAX_SCHEMA_DEPTH = 32;
/** Limits the cost of matching globs against names. */
const MAX_NAME_CHARS = 256;
/** Marks a name that stands for different tools. */
const AMBIGUOUS = Symbol('ambiguous');

/** A listed tool that may be offered to the model. */
export interface OfferedTool {
  /** Its name on the server. */
  name: string;
  description: string;
  inputSchema: JsonObject;
  /** Hash of the description and schema that the model gets. */
  fingerprint: string;
}

export type Listing = Map<string, OfferedTool>;

/** The parts of a tool that are read. Many servers write null for a missing part. */
const listedTool = z.object({
  name: z.string(),
  description: z.string().nullish(),
  inputSchema: z.unknown().optional(),
  annotations: z.object({ readOnlyHint: z.boolean().nullish(), destructiveHint: z.boolean().nullish() }).nullish(),
});
type ListedTool = z.infer<typeof listedTool>;

/** Each tool and the cursor are checked on their own, so that one wrong value does not hide the other tools. */
const toolsPage = z.object({ tools: z.array(z.unknown()).nullish(), nextCursor: z.unknown().optional() });

/**
 * Lists the tools that may be offered.
 *
 * @param limitMs for the whole list
 * @returns the tools, and a note about each tool that the allow-list matches but that is left out
 * @throws an error of the client if the server does not answer, or if it refuses the first page
 */
export async function listTools(
  client: Client,
  server: McpServer,
  limitMs = LIST_MS,
): Promise<{ tools: Listing; notes: string[] }> {
  const found = new FoundTools(server);
  if (!client.getServerCapabilities()?.tools) return found;
  const options = { signal: AbortSignal.timeout(limitMs), timeout: limitMs };
  const cursors = new Set<string>();
  for (let page = 1, params: { cursor?: string } = {}; ; page += 1) {
    try {
      const answer = await client.request({ method: 'tools/list', params }, toolsPage, options);
      for (const tool of answer.tools ?? []) found.add(tool);
      const { nextCursor: cursor } = answer;
      if (cursor === undefined || cursor === null || cursor === '') return found;
      if (typeof cursor !== 'string') return found.endAfter(page, 'its cursor is not a text');
      if (cursors.has(cursor)) return found.endAfter(page, 'its cursor repeats an earlier one');
      if (page === MAX_PAGES) return found.endAfter(page);
      cursors.add(cursor);
      params = { cursor };
    } catch (error) {
      // The server is there, but it does not accept its own cursor.
      if (page === 1 || !isRefusal(error)) throw error;
      return found.endAfter(page - 1, error.message);
    }
  }
}

/** The tools of the pages so far. */
class FoundTools {
  readonly tools: Listing = new Map();
  readonly notes: string[] = [];
  readonly #allows: (name: string) => boolean;
  /** By name: the definition, or AMBIGUOUS. */
  readonly #definitions = new Map<string, string | typeof AMBIGUOUS>();

  constructor({ allow }: McpServer) {
    this.#allows = matcher(allow);
  }

  add(value: unknown): void {
    const listed = listedTool.safeParse(value);
    const name = listed.success ? listed.data.name : isJsonObject(value) && value.name;
    if (typeof name !== 'string') {
      this.notes.push('a tool without a name');
    } else if (name.length <= MAX_NAME_CHARS && this.#allows(name)) {
      this.#addNamed(name, listed.success ? readTool(listed.data) : 'has a definition of another shape');
    }
  }

  /** Servers that ignore the cursor list the same tools again. Only different tools of one name are ambiguous. */
  #addNamed(name: string, read: OfferedTool | string): void {
    const definition = typeof read === 'string' ? read : read.fingerprint;
    const earlier = this.#definitions.get(name);
    if (earlier === definition || earlier === AMBIGUOUS) return;
    this.#definitions.set(name, earlier === undefined ? definition : AMBIGUOUS);
    if (earlier !== undefined) {
      this.tools.delete(name);
      this.#leaveOut(name, 'is listed twice');
    } else if (typeof read === 'string') this.#leaveOut(name, read);
    else if (this.tools.size < MAX_TOOLS) this.tools.set(name, read);
    else this.#leaveOut(name, `is over the limit of ${MAX_TOOLS} tools`);
  }

  #leaveOut(name: string, reason: string): void {
    this.notes.push(`${firstChars(name, 64)} ${reason}`);
  }

  endAfter(page: number, reason?: string): this {
    this.notes.push(`all tools after page ${page}${reason === undefined ? '' : `: ${reason}`}`);
    return this;
  }
}

/** A function that matches a name against globs. In a glob, `*` stands for any characters. */
function matcher(globs: string[]): (name: string) => boolean {
  const patterns = globs.map(
    (glob) =>
      new RegExp(
        `^${glob
          .split(/\*+/)
          .map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`))
          .join('.*')}$`,
        's',
      ),
  );
  return (name) => patterns.some((pattern) => pattern.test(name));
}

/** The tool, or the reason why it cannot be offered. */
function readTool({ name, description: given, inputSchema = null, annotations }: ListedTool): OfferedTool | string {
  const description = given ?? '';
  if (annotations?.readOnlyHint !== true || annotations.destructiveHint === true) return 'is not marked as read-only';
  let text: string;
  try {
    text = JSON.stringify(inputSchema);
  } catch {
    return 'has a schema that is nested too deeply';
  }
  if (Buffer.byteLength(text) > MAX_SCHEMA_BYTES) return 'has a schema that is too large';
  const schema: unknown = JSON.parse(text);
  if (!isJsonObject(schema) || !isAccepted(schema)) return 'has a schema that the Messages API does not accept';
  return {
    name,
    description: firstChars(description, MAX_DESCRIPTION_CHARS) || name,
    inputSchema: schema,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([description, text]))
      .digest('hex'),
  };
}

/** If the Messages API refuses one schema, it refuses the whole request. */
function isAccepted(schema: JsonObject): boolean {
  const { type, properties = {} } = schema;
  return (
    type === 'object' &&
    !['anyOf', 'oneOf', 'allOf'].some((key) => key in schema) &&
    isJsonObject(properties) &&
    Object.keys(properties).every((key) => /^[a-zA-Z0-9_.-]{1,64}$/.test(key)) &&
    isShallow(schema, MAX_SCHEMA_DEPTH)
  );
}

function isShallow(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((item) => isShallow(item, depth - 1));
}
