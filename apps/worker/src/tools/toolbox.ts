/** All tools of the investigator: the built-in ones, and those of the configured MCP servers that are up. */
import { readFile } from 'node:fs/promises';
import type { Config } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import type { Logger } from '@kora-wake/shared/runtime/log';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { auditRowsTool } from './audit-rows.ts';
import { type McpServer, parseMcpConfig } from './mcp/config.ts';
import type { McpPool } from './mcp/pool.ts';
import { type AllowList, parseAllowList } from './network/allow-list.ts';
import { networkTools } from './network/network-tools.ts';
import { pastWakesTools } from './past-wakes.ts';
import type { Tool } from './tool.ts';

export interface Toolbox {
  /** Calls that check whether our own connection works, through the first hosts of the allow-list. */
  connectionChecks(): Array<{ tool: Tool; input: JsonObject }>;
  /** The available tools, and the names of servers whose tools are missing. Waits for servers only a short time. */
  tools(signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }>;
  /** The configured MCP servers. */
  servers: McpPool['servers'];
  close(): Promise<void>;
}

/** @throws StartupError if the allow-list or the file of MCP servers has faults */
export async function toolbox(
  config: Pick<Config, 'auditLogPath' | 'httpCheckAllow' | 'mcpConfigPath'>,
  env: Record<string, string | undefined>,
  redis: RedisClient,
  keys: Keys,
  now: () => number,
  log: Logger,
): Promise<Toolbox> {
  const allow = readAllowList(config.httpCheckAllow);
  const network = networkTools(allow, now);
  const builtIn = [...pastWakesTools(redis, keys, now), auditRowsTool(config.auditLogPath), ...network];
  const servers = config.mcpConfigPath ? await readServers(config.mcpConfigPath, env) : [];
  const pool = servers.length > 0 ? await poolOf(servers, log) : NO_SERVERS;
  // Connects to the servers now, so that the first wake does not wait for them.
  void pool.tools(AbortSignal.abort());
  return {
    connectionChecks: () => {
      const check = network.find(({ name }) => name === 'http_check');
      return check ? allow.urls.slice(0, MAX_CHECKS).map((url) => ({ tool: check, input: { url } })) : [];
    },
    tools: async (signal) => {
      const { tools, missing } = await pool.tools(signal);
      return { tools: [...builtIn, ...tools], missing };
    },
    servers: () => pool.servers(),
    close: () => pool.close(),
  };
}

/** Hosts whose answers show whether our own connection works. */
const MAX_CHECKS = 3;

const NO_SERVERS: McpPool = {
  tools: async () => ({ tools: [], missing: [] }),
  servers: () => [],
  close: async () => undefined,
};

/** Loads the SDK of MCP only if there are servers, because loading it takes more than a tenth of a second. */
async function poolOf(servers: McpServer[], log: Logger): Promise<McpPool> {
  const { mcpPool } = await import('./mcp/pool.ts');
  return mcpPool(servers, log);
}

function readAllowList(text: string): AllowList {
  try {
    return parseAllowList(text);
  } catch (error) {
    throw new StartupError(`${errorReason(error)}.`, { cause: error });
  }
}

async function readServers(path: string, env: Record<string, string | undefined>): Promise<McpServer[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const why = `KORA_MCP_CONFIG: ${path} cannot be read. Name a file this user can read, or unset it.`;
    throw new StartupError(why, { cause: error });
  });
  try {
    return parseMcpConfig(text, env);
  } catch (error) {
    throw new StartupError(`KORA_MCP_CONFIG: ${path} ${errorReason(error)}`, { cause: error });
  }
}
