import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { toolbox } from '../../src/tools/toolbox.ts';

test('a fault in the MCP configuration is one sentence that names the file once', async ({ ns, folder, log }) => {
  const mcpConfigPath = join(folder, 'mcp.json');
  writeFileSync(mcpConfigPath, '{"mcpServers": {"a": {}}}');
  const config = { auditLogPath: join(folder, 'log'), httpCheckAllow: '', mcpConfigPath };
  const failure = toolbox(config, {}, ns.redis, ns.keys, Date.now, log.logger);
  await expect(failure).rejects.toThrow(
    `KORA_MCP_CONFIG: ${mcpConfigPath} is not usable:\n- a: needs a command or a url`,
  );
});
