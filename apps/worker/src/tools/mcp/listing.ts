/** Reads an MCP server's tools and results, in a form that fits the model, with notes about each tool that is left out. */

import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { firstChars } from '@kora-wake/shared/wake/text';
import type { CallToolResult, Client, ContentBlock, Tool as ListedTool } from '@modelcontextprotocol/client';
import { cutEnd } from '../../investigation/untrusted.ts';
import type { McpServer } from './config.ts';

const LIST_MS = 15_000;
const MAX_RESULT_CHARS = 1_024 * 1_024;
const MAX_TOOLS = 128;
const MAX_PAGES = 20;
const MAX_DESCRIPTION_CHARS = 2_000;
const MAX_SCHEMA_BYTES = 32 * 1_024;
const MAX_SCHEMA_DEPTH = 32;
/** Limits the cost of matching globs against names. */
const MAX_NAME_CHARS = 256;

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

/**
 * Lists the tools that may be offered.
 *
 * @returns the tools, and a note about each tool that the allow-list matches but that is left out
 */
export async function listTools(client: Client, server: McpServer): Promise<{ tools: Listing; notes: string[] }> {
  const tools: Listing = new Map();
  const notes: string[] = [];
  if (!client.getServerCapabilities()?.tools) return { tools, notes };
  const allowed = matcher(server.allow);
  const seen = new Set<string>();
  const signal = AbortSignal.timeout(LIST_MS);
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const answer = await client.request({ method: 'tools/list', params }, { signal, timeout: LIST_MS });
    for (const tool of answer.tools) {
      if (tool.name.length > MAX_NAME_CHARS || !allowed(tool.name)) continue;
      const read = seen.has(tool.name) ? 'is listed twice' : readTool(tool);
      seen.add(tool.name);
      if (read === 'is listed twice') tools.delete(tool.name);
      if (typeof read === 'string') notes.push(`${firstChars(tool.name, 64)} ${read}`);
      else if (tools.size < MAX_TOOLS) tools.set(tool.name, read);
      else notes.push(`${firstChars(tool.name, 64)} is over the limit of ${MAX_TOOLS} tools`);
    }
    cursor = answer.nextCursor;
    if (cursor === undefined) return { tools, notes };
  }
  return { tools, notes: [...notes, `all tools after page ${MAX_PAGES}`] };
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
function readTool({ name, description = '', inputSchema, annotations }: ListedTool): OfferedTool | string {
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
  const { properties = {} } = schema;
  return (
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

/** The result of a call as text of at most about 1 MiB. Binary content is replaced with its type and size. */
export function resultText({ content, structuredContent }: CallToolResult): string {
  let text = '';
  for (const block of content) {
    if (text.length >= MAX_RESULT_CHARS) break;
    text += (text && '\n') + blockText(block).slice(0, MAX_RESULT_CHARS + 1 - text.length);
  }
  if (structuredContent !== undefined && !content.some((block) => block.type === 'text')) {
    text += (text && '\n') + JSON.stringify(structuredContent);
  }
  return cutEnd(text, MAX_RESULT_CHARS) || '(nothing)';
}

function blockText(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  if (block.type === 'resource_link') return `[resource link: ${block.uri}]`;
  if (block.type !== 'resource') return bytesNote(block.type, block.data);
  return 'text' in block.resource ? block.resource.text : bytesNote('blob', block.resource.blob);
}

function bytesNote(type: string, base64: string): string {
  return `[${type}, ${Buffer.byteLength(base64, 'base64')} bytes]`;
}
