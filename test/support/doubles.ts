/** Doubles of Slack and the Messages API for the apps of one test, and the environment that points the apps to them. */
import { expect, onTestFinished } from 'vitest';
import { anthropicDouble } from './anthropic.ts';
import type { Namespace } from './fixtures.ts';
import { type Running, runApp } from './process.ts';
import { slackDouble } from './slack.ts';
import { apiUrl } from './spawn.ts';

export type Environment = Record<string, string>;

/** Starts both doubles. The environment holds their addresses and credentials that contain `secret-of-the-test`. */
export async function doubles() {
  const [slack, anthropic] = await Promise.all([slackDouble(), anthropicDouble()]);
  onTestFinished(async () => {
    await Promise.all([slack.close(), anthropic.close()]);
  });
  const env = {
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret-of-the-test',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-ant-secret-of-the-test',
    ANTHROPIC_BASE_URL: anthropic.url,
  };
  return { slack, anthropic, env };
}

/** The environment that all apps of one test share. The API listens on a free port. */
export function environment(
  { redisUrl, prefix }: Pick<Namespace, 'redisUrl' | 'prefix'>,
  logPath: string,
  more: Environment = {},
): Environment {
  return {
    REDIS_URL: redisUrl,
    KORA_QUEUE_PREFIX: prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_API_PORT: '0',
    ...more,
  };
}

/** Starts a tailer and a worker, and waits until both are ready. */
export async function startTailerAndWorker(env: Environment) {
  const [tailer, worker] = [runApp('tailer', env), runApp('worker', env)];
  await Promise.all([tailer.until('tailer.following'), worker.until('worker.ready')]);
  return { tailer, worker };
}

/** Starts all three apps, and waits until they are ready. `url` is the address of the API. */
export async function startAllApps(env: Environment) {
  const api = runApp('api', env);
  const [apps, url] = await Promise.all([startTailerAndWorker(env), apiUrl(api)]);
  return { ...apps, api, url };
}

/** Stops apps with SIGTERM and expects exit code 0 of each. */
export async function expectCleanStop(apps: Running[]): Promise<void> {
  for (const app of apps) app.child.kill('SIGTERM');
  expect(await Promise.all(apps.map(({ exited }) => exited))).toEqual(apps.map(() => 0));
}
