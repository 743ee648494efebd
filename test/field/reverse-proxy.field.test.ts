/** The API and the console behind a reverse proxy, under a path of its own: a real app, a real proxy, a real browser. */
import { describe, expect, onTestFinished } from 'vitest';
import { launchBrowser, watchedPage } from '../support/browser.ts';
import { environment, startAllApps } from '../support/doubles.ts';
import { append, type Namespace, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';
import { reverseProxy } from '../support/reverse-proxy.ts';
import { apiUrl, WAIT_MS } from '../support/spawn.ts';

const TOKEN = 'the-token-of-this-test';

/** A page of the console behind the proxy, whose browser knows the token. */
async function openConsole(origin: string, path: string) {
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const watched = await watchedPage(browser, origin, {
    viewport: { width: 1366, height: 768 },
    httpCredentials: { username: 'jo', password: TOKEN },
  });
  watched.page.setDefaultTimeout(WAIT_MS);
  await watched.page.goto(`${origin}${path}`);
  return watched;
}

const withToken = (ns: Namespace, logPath: string) =>
  environment(ns, logPath, { KORA_API_BASE_PATH: '/kora/', KORA_API_TOKEN: TOKEN });

describe('under a base path', () => {
  test('the console loads, updates by itself and ends a window; Bull Board and the documentation work', async ({
    ns,
    logPath,
  }) => {
    const { url } = await startAllApps(withToken(ns, logPath));
    const origin = await reverseProxy(new URL(url).origin, '/kora');
    // Without the slash at the end: the API adds it.
    const { page, complaints, foreign } = await openConsole(origin, '/kora');
    await page.locator('.empty').filter({ hasText: 'No alerts yet' }).waitFor();
    append(logPath, wakeRow({ probe: 'fly', category: 'deploy', title: 'it is down' }));
    await page.getByText('it is down').waitFor();
    for (let click = 0; click < 2; click++) await page.getByRole('button', { name: 'End now' }).click();
    // The answer to the change arrives after its record was written.
    await page.locator('[role=status]').filter({ hasText: 'Suppression of' }).waitFor();
    expect(await ns.redis.zcard(ns.keys.windowNames)).toBe(0);
    const done = await fetch(`${origin}/kora/v1/operations`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(await done.json()).toMatchObject({ entries: [{ what: 'window_cleared', by: 'jo' }] });
    // Bull Board asks for a font of another origin, which the content policy blocks.
    expect([complaints, foreign]).toEqual([[], []]);

    await page.getByRole('link', { name: 'Bull Board' }).click();
    await page.getByText('deliveries').first().waitFor();
    expect(page.url()).toContain('/kora/admin/queues');
    await page.goto(`${origin}/kora/`);
    await page.getByRole('link', { name: 'API', exact: true }).click();
    await page.getByText('/kora/v1/debounce/{probe}/{category}').first().waitFor();
  });

  test('health is answered with and without it, other paths are 404 and name it', async ({ ns, logPath }) => {
    const { origin } = new URL(await apiUrl(runApp('api', withToken(ns, logPath))));
    const get = async (path: string) => fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
    for (const path of ['/healthz', '/readyz', '/kora/healthz', '/kora/readyz']) {
      expect([path, (await fetch(`${origin}${path}`)).status]).toEqual([path, 200]);
    }
    for (const path of ['/', '/v1/account', '/admin/queues', '/docs/json', '/korax/v1/account']) {
      const answer = await get(path);
      expect([path, answer.status, await answer.json()]).toMatchObject([
        path,
        404,
        { message: expect.stringContaining('Everything is under /kora/.') },
      ]);
    }
    for (const path of ['/kora/', '/kora/v1/account', '/kora/admin/queues', '/kora/docs', '/kora/metrics']) {
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    }
    expect((await fetch(`${origin}/kora/v1/account`)).status).toBe(401);
  });
});

describe('a proxy that changes the Host header', () => {
  test('is named with the remedy if the API refuses a change because of it', async ({ ns, logPath }) => {
    const { origin: api } = new URL(await apiUrl(runApp('api', withToken(ns, logPath))));
    const origin = await reverseProxy(api, '/kora', { rewritesHost: true });
    const pause = await fetch(`${origin}/kora/v1/queues/wakes/pause`, {
      method: 'POST',
      // As a browser without Sec-Fetch-Site, which is not sent over plain HTTP.
      headers: { authorization: `Bearer ${TOKEN}`, origin },
    });
    const { message } = (await pause.json()) as { message: string };
    expect(pause.status).toBe(403);
    for (const part of [new URL(origin).host, new URL(api).host, 'reverse proxy', 'docs/operations.md']) {
      expect(message).toContain(part);
    }
  });

  test('does not open an API without a token to other machines', async ({ ns, logPath }) => {
    const { origin: api } = new URL(await apiUrl(runApp('api', environment(ns, logPath))));
    const origin = await reverseProxy(api, '', { rewritesHost: true });
    const answer = await fetch(`${origin}/v1/account`);
    const { message } = (await answer.json()) as { message: string };
    expect(answer.status).toBe(403);
    expect(message).toMatch(/came through a proxy \(header "x-forwarded-for"\).*Set KORA_API_TOKEN/);
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  });
});
