/** `npm start` that is killed. */
import { expect } from 'vitest';
import { tryListen } from '../../apps/cli/src/private-redis.ts';
import { eventually, test } from '../support/fixtures.ts';
import { isGone, readAddress, WAKE } from '../support/npm-start.ts';
import { freePort } from '../support/ports.ts';
import { runScript } from '../support/process.ts';

const CLI = 'apps/cli/dist/main.js';

test('npm start that is killed leaves no process, and the next one has its data', async ({ folder }) => {
  const env = { KORA_HOME: folder, KORA_API_PORT: String(await freePort()) };
  const first = runScript(CLI, ['start'], env);
  await first.untilText('Kora Wake is ready');
  expect(await runScript(CLI, ['wake', ...WAKE], env).exited).toBe(0);
  await first.untilText('🚨 Probe alert · fly');
  const { pid } = readAddress(folder);
  first.child.kill('SIGKILL');
  await first.exited;
  await eventually(() => isGone(pid));
  // The apps see that their channel is closed, and stop. The API is the one that can be observed.
  await eventually(() => tryListen(Number(env.KORA_API_PORT)).catch(() => undefined));

  const second = runScript(CLI, ['start'], env);
  await second.untilText('Kora Wake is ready');
  const windows = await fetch(`http://127.0.0.1:${env.KORA_API_PORT}/v1/debounce`);
  expect(await windows.json()).toMatchObject({ entries: [{ probe: 'fly', category: 'service_unhealthy' }] });
  second.child.kill('SIGTERM');
  expect(await second.exited).toBe(0);
});
