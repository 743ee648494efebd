/** Slack and the LLM behind an HTTP proxy, the only way out of many networks. */
import { expect, onTestFinished } from 'vitest';
import { type ConnectProxy, connectProxy } from '../support/connect-proxy.ts';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, test, wakeRow } from '../support/fixtures.ts';

const PASSWORD = 'p@ss:word-of-the-proxy';
const portOf = (url: string) => Number(new URL(url).port);

/** Doubles that are reachable as https://slack.test and https://llm.test, and only through the proxy. */
async function behindProxy(folder: string) {
  const all = await doubles();
  const proxy = await connectProxy(folder, {
    'slack.test': portOf(all.slack.url),
    'llm.test': portOf(all.anthropic.url),
  });
  onTestFinished(() => proxy.close());
  const env = {
    ...all.env,
    KORA_SLACK_API_URL: 'https://slack.test/api/',
    ANTHROPIC_BASE_URL: 'https://llm.test',
    NODE_EXTRA_CA_CERTS: proxy.caFile,
  };
  return { ...all, proxy, env };
}

const urlOf = ({ port }: ConnectProxy) => `http://kora:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`;

test('HTTPS_PROXY carries the investigation and the DM, and no log line has its password', async ({
  ns,
  folder,
  logPath,
}) => {
  const { slack, anthropic, proxy, env } = await behindProxy(folder);
  const { tailer, worker } = await startTailerAndWorker(
    environment(ns, logPath, { ...env, HTTPS_PROXY: urlOf(proxy), LOG_LEVEL: 'debug' }),
  );
  await worker.until('slack.connected');
  append(logPath, wakeRow({ detail: `the proxy says ${PASSWORD}` }));
  await eventually(() => slack.accepted.length === 1);
  expect(slack.accepted[0]?.text).toContain('token of the probe');
  expect(new Set(proxy.tunnels.map(({ target }) => target))).toEqual(new Set(['slack.test:443', 'llm.test:443']));
  const credentials = `Basic ${Buffer.from(`kora:${PASSWORD}`).toString('base64')}`;
  expect(new Set(proxy.tunnels.map((tunnel) => tunnel.credentials))).toEqual(new Set([credentials]));
  expect(JSON.stringify(anthropic.requests.map(({ body }) => body))).not.toContain(PASSWORD);
  const output = JSON.stringify([tailer.lines, worker.lines]) + worker.stderr();
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(output).not.toContain(secret);
});

test('a proxy that refuses the tunnel delays the DM, which is then posted once', async ({ ns, folder, logPath }) => {
  const { slack, proxy, env } = await behindProxy(folder);
  proxy.status = 407;
  // The name in lower case, and an LLM that needs no proxy.
  const { anthropic } = await doubles();
  const { worker } = await startTailerAndWorker(
    environment(ns, logPath, {
      ...env,
      ANTHROPIC_BASE_URL: anthropic.url,
      https_proxy: urlOf(proxy),
      no_proxy: 'localhost, other.test',
    }),
  );
  append(logPath, wakeRow());
  await eventually(() => proxy.tunnels.length > 0);
  const { code } = await worker.until('delivery.retrying');
  expect(anthropic.requests).toHaveLength(1);
  expect(code).toBe('proxy_refused');
  proxy.status = 200;
  await worker.until('delivery.sent');
  expect(slack.accepted).toHaveLength(1);
});
