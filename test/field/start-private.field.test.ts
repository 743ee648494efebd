/** The banner of `npm start` about other users of the machine. Each test starts everything. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { openPaths, startIn } from '../support/start-in.ts';

test('an audit log that others can open keeps its rights, and the banner gives the remedy', async ({ folder }) => {
  const home = join(folder, 'home');
  const log = join(home, 'kora_audit_log.jsonl');
  mkdirSync(home);
  writeFileSync(log, '');
  chmodSync(home, 0o755);
  chmodSync(log, 0o644);
  const { banner } = await startIn(home);
  expect(banner).toContain(`other users can open it  (private: chmod 700 ${home}; chmod 600 ${log})`);
  expect(openPaths(home)).toEqual([home, log]);
});

test.for([
  [{ KORA_API_TOKEN: 'a-token-of-the-test-1' }, 'users of this machine need the token in KORA_API_TOKEN'],
  [
    { KORA_API_TOKEN: 'a-token-of-the-test-1', KORA_API_READ_TOKEN: 'a-token-of-the-test-2', KORA_API_HOST: '0.0.0.0' },
    'users who can reach 0.0.0.0 need the token in KORA_API_TOKEN; KORA_API_READ_TOKEN allows reading',
  ],
] as const)('the banner says who can use the API with %j', async ([env, line], { folder }) => {
  const { banner } = await startIn(folder, env);
  expect(banner).toContain(line);
  expect(banner).not.toContain('a-token-of-the-test');
});
