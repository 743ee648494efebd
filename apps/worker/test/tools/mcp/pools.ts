/** Pools of MCP servers for tests. Each is closed before the test's cleanup, also if the test fails. */
import { redact } from '@kora-wake/shared/wake/redact';
import { aWake, endBeforeCleanup, eventually, type TestLog } from '../../../../../test/support/fixtures.ts';
import { type McpDouble, mcpDouble } from '../../../../../test/support/mcp-double.ts';
import type { HttpServer, McpServer } from '../../../src/tools/mcp/config.ts';
import { type McpPool, mcpPool } from '../../../src/tools/mcp/pool.ts';
import type { McpTimes } from '../../../src/tools/mcp/server.ts';
import type { Tool } from '../../../src/tools/tool.ts';

export const never: AbortSignal = new AbortController().signal;

export const http = (url: string, more: Partial<HttpServer> = {}): HttpServer => ({
  kind: 'http',
  name: 'e',
  url,
  headers: {},
  allow: ['*'],
  ...more,
});

export function pool(log: TestLog, ...servers: McpServer[]): McpPool {
  return poolWith(log, {}, ...servers);
}

export function poolWith(log: TestLog, times: Partial<McpTimes>, ...servers: McpServer[]): McpPool {
  const opened = mcpPool(servers, log.logger, times);
  endBeforeCleanup(() => opened.close());
  return opened;
}

/** A double that ends before the test's cleanup. */
export async function ownDouble(options: Parameters<typeof mcpDouble>[0] = {}): Promise<McpDouble> {
  const double = await mcpDouble(options);
  endBeforeCleanup(() => double.close());
  return double;
}

/** The tools, once no server is missing any more. */
export const allTools = (from: McpPool) =>
  eventually(async () => {
    const { tools, missing } = await from.tools(never);
    return missing.length === 0 && tools;
  });

export const names = (tools: Tool[]) => tools.map((tool) => tool.name).sort();

export function named(tools: Tool[], name: string): Tool {
  const tool = tools.find((tool) => tool.name === name);
  if (!tool) throw new Error(`no ${name} among ${names(tools).join(', ')}`);
  return tool;
}

export const run = (tool: Tool, input = {}, signal: AbortSignal = never) =>
  tool.run(input, { wake: aWake(), redact, signal });
