/** `npm start` on a machine with other users: they can neither open its files nor use its Redis. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tryListen } from '../../apps/cli/src/private-redis.ts';
import { eventually, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';

const CLI = 'apps/cli/dist/main.js';
const WAKE = ['--probe', 'fly', '--category', 'service_unhealthy', '--title', 'Fly app unreachable'];

/** Paths below a folder, and the folder, whose group or others have a right. */
function openPaths(folder: string): string[] {
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [folder, ...inside].filter((path) => statSync(path).mode & 0o077);
}

async function startIn(home: string, env: Record<string, string> = {}) {
  const all = { KORA_HOME: home, KORA_API_PORT: String(await tryListen(0)), ...env };
  const start = runScript(CLI, ['start'], all);
  await start.untilText('Ctrl-C stops everything.');
  const banner = start.lines.map(({ msg }) => msg).join('\n');
  return { start, env: all, banner };
}

test('everything that npm start and its commands create is private, also with a folder that does not exist yet', async ({
  folder,
}) => {
  const home = join(folder, 'parent', 'home');
  const { start, env, banner } = await startIn(home);
  const password = readFileSync(join(home, 'redis', 'password'), 'utf8').trim();
  expect(password.length).toBeGreaterThan(20);
  expect(banner).not.toContain(password);
  expect(banner).not.toContain('other users can open it');
  expect(banner).toMatch(
    /access +every user of this machine may use console and API, without a token {2}\(set KORA_API_TOKEN to restrict it\)/,
  );

  expect(await runScript(CLI, ['wake', ...WAKE], env).exited).toBe(0);
  await start.untilText('engine returned: engine_unavailable');
  await eventually(async () => (await runScript(CLI, ['audit'], env).exited) === 0);
  // The rows of the worker come after the DM.
  await eventually(() => readFileSync(join(home, 'kora_audit_log.jsonl'), 'utf8').includes('investigation_completed'));
  expect(readdirSync(join(home, 'redis', 'appendonlydir')).length).toBeGreaterThan(0);
  expect(openPaths(join(folder, 'parent'))).toEqual([]);
  expect(start.lines.map(({ msg }) => msg).join('\n')).not.toContain(password);
});

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
