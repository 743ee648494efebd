/** The audit log around a wake, if this machine can read it. */

import { open } from 'node:fs/promises';
import { isJsonObject, type JsonObject, parseJson } from '@kora-wake/shared/wake/json';
import { redactJson } from '@kora-wake/shared/wake/redact';
import { firstChars } from '@kora-wake/shared/wake/text';
import { parseTimestamp } from '@kora-wake/shared/wake/wake';
import { z } from 'zod';
import { defineTool, type Tool } from './tool.ts';

/** Only this much of the log's end is read, bytes: the log may have any size. */
const READ_BYTES = 4 * 1024 * 1024;
const MAX_ROW_CHARACTERS = 600;
const AFTER_MS = 5 * 60_000;

export function auditRowsTool(path: string): Tool {
  return defineTool({
    name: 'audit_rows',
    description:
      'Rows of the audit log around the time of this wake, oldest first: other records of the probes and the system.',
    input: z.object({
      minutes_before: z.number().int().min(1).max(240).default(15).describe('minutes before the wake'),
      contains: z.string().max(200).optional().describe('only rows that contain this text'),
      limit: z.number().int().min(1).max(50).default(20).describe('maximum number of rows; the last ones are returned'),
    }),
    run: async ({ minutes_before: minutes, contains, limit }, { wake, redact }) => {
      const from = wake.emittedAt - minutes * 60_000;
      const to = wake.emittedAt + AFTER_MS;
      const lines = await endOfLog(path);
      const near: string[] = [];
      // Backwards from the end; only rows near in time are parsed, because there may be many rows of any size.
      for (let line = lines.pop(); line !== undefined && near.length < limit; line = lines.pop()) {
        const at = parseTimestamp(/"emitted_at"\s*:\s*"([^"]{1,40})"/.exec(line)?.[1]);
        const row = at !== undefined && at >= from && at <= to ? parse(line) : undefined;
        if (!row) continue;
        // The search must not show whether a row contains a secret, so it sees only the redacted text.
        const text = JSON.stringify(redactJson(row, redact));
        if (!contains || text.includes(contains)) near.push(cut(text));
      }
      return near.toReversed().join('\n') || 'no such row in that time';
    },
  });
}

async function endOfLog(path: string): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const begin = Math.max(0, size - READ_BYTES);
    const buffer = Buffer.alloc(size - begin);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, begin);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    // The first line is cut by the beginning of the read, and the last may still be being written.
    return lines.slice(begin > 0 ? 1 : 0, -1);
  } finally {
    await file.close();
  }
}

function parse(line: string): JsonObject | undefined {
  try {
    const row = parseJson(line);
    return isJsonObject(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length <= MAX_ROW_CHARACTERS ? text : `${firstChars(text, MAX_ROW_CHARACTERS)}… (cut)`;
}
