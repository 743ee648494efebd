/** The operator's way through it all: real apps, real Redis, a real browser. */
import { expect, onTestFinished } from 'vitest';
import { launchBrowser, watchedPage } from '../support/browser.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

test('a wake shows up by itself, its window is cleared in Redis by a click, and who did it is on record', {
  timeout: 60_000,
}, async ({ ns, logPath }) => {
  const env = {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_API_PORT: '0',
  };
  const [tailer, worker, api] = [runApp('tailer', env), runApp('worker', env), runApp('api', env)];
  await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
  const url = /http:\/\/\S+/.exec((await api.until('listening on')).msg)?.[0] ?? '';
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const { page, complaints, foreign } = await watchedPage(browser, url, { viewport: { width: 1366, height: 768 } });
  await page.goto(`${url}/`);
  await page.locator('.empty').filter({ hasText: 'No window is open' }).waitFor();
  const probe = 'a/b:c %25 <i>';
  append(logPath, wakeRow({ probe, category: 'deploy', title: '<b>down</b>' }));
  await page.getByText('<b>down</b>').waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('button', { name: 'Yes, clear' }).click();
  await page.getByText('window cleared').waitFor();
  await eventually(async () => (await ns.redis.zcard(ns.keys.windowNames)) === 0);
  expect(await ns.redis.keys(`${ns.keys.dedup('')}*`)).toEqual([]);
  const done: unknown = await (await fetch(`${url}/v1/operations`)).json();
  expect(done).toMatchObject({
    entries: [{ what: 'window_cleared', by: 'local', details: { probe, category: 'deploy' } }],
  });
  expect([complaints, foreign]).toEqual([[], []]);
});
