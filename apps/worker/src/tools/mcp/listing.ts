/** What an MCP server lists and answers, in the form that a model may be given; and what of it is left out, and why. */

import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
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
/** Globs are matched against names, so that a name of megabytes would cost. */
const MAX_NAME_CHARS = 256;

/** A tool as its server lists it, of those that may be offered. */
export interface Offer {
  /** The server's own name for it. */
  name: string;
  description: string;
  inputSchema: JsonObject;
  /** Of all that the model was told about it. */
  fingerprint: string;
}

export type Listing = Map<string, Offer>;

/** What may be offered, and a note on everything that the allow-list names and is left out all the same. */
export async function list(client: Client, server: McpServer): Promise<{ offers: Listing; notes: string[] }> {
  const offers: Listing = new Map();
  const notes: string[] = [];
  if (!client.getServerCapabilities()?.tools) return { offers, notes };
  const allowed = matcher(server.allow);
  const seen = new Set<string>();
  const signal = AbortSignal.timeout(LIST_MS);
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const answer = await client.request({ method: 'tools/list', params }, { signal, timeout: LIST_MS });
    for (const tool of answer.tools) {
      if (tool.name.length > MAX_NAME_CHARS || !allowed(tool.name)) continue;
      const offer = seen.has(tool.name) ? 'is listed twice' : readOffer(tool);
      seen.add(tool.name);
      if (offer === 'is listed twice') offers.delete(tool.name);
      if (typeof offer === 'string') notes.push(`${tool.name.slice(0, 64)} ${offer}`);
      else if (offers.size < MAX_TOOLS) offers.set(tool.name, offer);
      else notes.push(`${tool.name.slice(0, 64)} is one too many`);
    }
    cursor = answer.nextCursor;
    if (cursor === undefined) return { offers, notes };
  }
  return { offers, notes: [...notes, `what is after page ${MAX_PAGES}`] };
}

/** A matcher of names against globs, in which `*` is any run of characters. */
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

/** The offer, or why there is none. */
function readOffer({ name, description = '', inputSchema, annotations }: ListedTool): Offer | string {
  if (annotations?.readOnlyHint !== true || annotations.destructiveHint === true) return 'is not marked as read-only';
  let text: string;
  try {
    text = JSON.stringify(inputSchema);
  } catch {
    return 'has a schema that is nested too deep';
  }
  if (Buffer.byteLength(text) > MAX_SCHEMA_BYTES) return 'has a schema that is too large';
  const schema: unknown = JSON.parse(text);
  if (!isJsonObject(schema) || !isUsable(schema)) return 'has a schema that the Messages API does not take';
  return {
    name,
    description: description.slice(0, MAX_DESCRIPTION_CHARS).toWellFormed() || name,
    inputSchema: schema,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([description, text]))
      .digest('hex'),
  };
}

/** One schema that the Messages API refuses would cost the whole question. */
function isUsable(schema: JsonObject): boolean {
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

function bytesNote(what: string, base64: string): string {
  return `[${what}, ${Buffer.byteLength(base64, 'base64')} bytes]`;
}
