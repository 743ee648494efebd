/**
 * All MCP servers together: the names of their tools, and the servers that are missing. A tool is called only if its
 * server still lists it in the form in which it was offered to the model.
 */
import { createHash } from 'node:crypto';
import { withTimeLimit } from '@kora-wake/shared/runtime/async';
import type { Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { McpState } from '@kora-wake/shared/wake/services';
import type { Tool } from '../tool.ts';
import type { McpServer } from './config.ts';
import { DEFAULT_TIMES, keepConnected, type McpTimes } from './server.ts';

export interface McpPool {
  /**
   * The available tools, and the names of the servers that are missing. Waits at most `waitMs` for servers that are
   * connecting or listing. The first call starts the connections. Never rejects.
   */
  tools(signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
  /** The configured servers with their states. */
  servers(): Array<{ name: string; state: McpState }>;
  /** Ends every connection and process. */
  close(): Promise<void>;
}

/** @param times replaces some of {@link DEFAULT_TIMES} */
export function mcpPool(servers: McpServer[], log: Logger, times: Partial<McpTimes> = {}): McpPool {
  const allTimes = { ...DEFAULT_TIMES, ...times };
  const [usable, unusable] = [servers.filter(hasAllowList), servers.filter((server) => !hasAllowList(server))];
  for (const { name } of unusable) logEvent(log, 'mcp.no_allow_list', { mcpServer: name });
  const connections = usable.map((server) => keepConnected(server, log, allTimes));

  return {
    async tools(signal) {
      const ready = Promise.all(connections.map((connection) => connection.ready()));
      await withTimeLimit(ready, allTimes.waitMs, signal);
      const offered = connections.flatMap((connection) =>
        [...(connection.listing()?.values() ?? [])].map((tool) => ({
          name: toolName(connection.name, tool.name),
          connection,
          tool,
        })),
      );
      const byName = Map.groupBy(offered, ({ name }) => name);
      const collisions = [...byName].filter(([, tools]) => tools.length > 1).map(([name]) => name);
      // All tools of a colliding name are left out, because the model could mistake one for the other.
      if (collisions.length > 0) logEvent(log, 'mcp.names_collide', { names: collisions.slice(0, 10) });
      const tools = offered.flatMap(({ name, connection, tool }): Tool[] => {
        if (byName.get(name)?.length !== 1) return [];
        const { description, inputSchema } = tool;
        const run: Tool['run'] = (input, { signal }) => connection.call(tool, input, signal);
        return [{ name, description, inputSchema, run }];
      });
      return { tools, missing: connections.filter((each) => !each.listing()).map(({ name }) => name) };
    },

    servers: () => [
      ...connections.map(({ name, state }) => ({ name, state: state() })),
      ...unusable.map(({ name }) => ({ name, state: 'no_allow_list' as const })),
    ],

    async close() {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

const hasAllowList = ({ allow }: McpServer) => allow.length > 0;

/** A name that the Messages API accepts. Two tools may get the same name; the caller must check for that. */
function toolName(server: string, tool: string): string {
  const fullName = `${server}__${tool}`;
  const name = fullName.replaceAll(/[^a-zA-Z0-9_-]/g, '_');
  if (name.length <= 64) return name;
  return `${name.slice(0, 55)}_${createHash('sha256').update(fullName).digest('hex').slice(0, 8)}`;
}
