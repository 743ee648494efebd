/** `npm start` on a machine with other users: they can neither open its files nor use its Redis. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually, test } from '../support/fixtures.ts';
import { runScript } from '../support/process.ts';
import { CLI, openPaths, startIn } from '../support/start-in.ts';

const WAKE = ['--probe', 'fly', '--category', 'service_unhealthy', '--title', 'Fly app unreachable'];

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
