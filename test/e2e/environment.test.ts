/** The environment of a container: variables of other apps, injected variables, and a user without a home folder. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { runCommand } from '../../apps/cli/test/terminal.ts';
import { environment } from '../support/doubles.ts';
import { rowsOf, test } from '../support/fixtures.ts';
import { runApp, runScript } from '../support/process.ts';

const FOREIGN = {
  KORA_API_PORT: 'tcp://10.96.0.1:3900',
  KORA_API_PORT_3900_TCP_ADDR: '10.96.0.1',
  KORA_API_SERVICE_HOST: '10.96.0.1',
  KORA_WORKER_CONCURRENCY: 'many',
  LOG_LEVEL: 'INFO',
};

test('a tailer starts with a fault in a worker variable, in Kubernetes next to a Service kora-api', async ({
  ns,
  logPath,
}) => {
  const tailer = runApp('tailer', environment(ns, logPath, FOREIGN));
  await tailer.until('tailer.following');
  expect(tailer.lines.filter(({ event }) => event === 'config.warning').map(({ msg }) => msg)).toEqual([
    'KORA_API_PORT is the address of a Kubernetes Service, not a port; it is ignored',
  ]);
  const worker = runApp('worker', environment(ns, logPath, FOREIGN));
  expect(await worker.exited).toBe(1);
  expect(worker.stderr()).toContain('KORA_WORKER_CONCURRENCY must be a whole number');
});

test('a command does not stop for a fault in a variable of an app, and warns of a wrong name', async ({
  folder,
  logPath,
}) => {
  const env = { KORA_HOME: folder, REDIS_URL: 'x', KORA_MODEL_NORMAL: 'claude:x', KORA_AUDIT_LOGPATH: '/elsewhere' };
  const { code, err } = await runCommand(['wake', '--probe', 'fly', '--category', 'down'], env);
  expect([code, err]).toEqual([
    0,
    'kora-wake: warning: KORA_AUDIT_LOGPATH is not a variable of Kora Wake; it is ignored. Did you mean KORA_AUDIT_LOG_PATH?',
  ]);
  expect(rowsOf(logPath)).toHaveLength(1);
});

test('names given to a command cannot control the terminal', async ({ folder }) => {
  const hostile = 'fly\u009b31m\u202e\u001b]0;title\u0007';
  const args = ['wake', '--probe', hostile, '--category', hostile];
  const wake = runScript('apps/cli/dist/main.js', args, { KORA_HOME: folder, [`KORA_${hostile}`]: 'x' });
  expect(await wake.exited).toBe(0);
  const output = `${wake.lines.map(({ msg }) => msg).join('')}${wake.stderr()}`;
  expect(output).toContain('fly31m');
  // oxlint-disable-next-line no-control-regex -- the test looks for control characters
  expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
});

/** Only root can become a user that does not exist. */
describe.skipIf(process.getuid?.() !== 0)('a user without HOME and without an entry in the list of users', () => {
  const config = join(import.meta.dirname, '..', '..', 'packages', 'shared', 'dist', 'runtime', 'config.js');

  /** Loads the modules as root, because the user may not be able to read this folder. */
  function load(env: Record<string, string>) {
    const script = `
      const { loadConfig } = await import(${JSON.stringify(config)});
      process.setuid(54321);
      const { config } = loadConfig(process.env);
      console.log(config.home, config.auditLogPath);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
    return { output: run.stdout.trim(), error: run.stderr };
  }

  test('works if the path of the log is set', () => {
    expect(load({ KORA_AUDIT_LOG_PATH: '/log/a.jsonl' }).output).toBe('undefined /log/a.jsonl');
    expect(load({ KORA_HOME: '/data' }).output).toBe('/data /data/kora_audit_log.jsonl');
    expect(load({ KORA_AUDIT_LOG_PATH: '/log/a.jsonl', HOME: '' }).output).toBe('undefined /log/a.jsonl');
  });

  test('otherwise gets one sentence', () => {
    const { error } = load({});
    expect(error).toContain('StartupError: this user has no home folder. Set KORA_HOME or KORA_AUDIT_LOG_PATH.');
  });
});
