import { expect, onTestFinished } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { httpDouble, json } from '../../../../test/support/http-double.ts';
import { startTracing, traced } from '../../src/runtime/tracing.ts';

test('spans contain no query strings, whatever a library puts into their attributes', async ({ log }) => {
  const collector = await httpDouble(json(200, {}));
  onTestFinished(() => collector.close());
  const tracing = await startTracing('test', { endpoint: collector.url, headers: {} }, log.logger);
  const attributes = {
    'url.full': 'https://a.example/path?key=hunter2#part',
    'http.url': 'https://a.example/old?key=hunter2',
    'http.target': '/target?key=hunter2\nhunter2',
    'url.query': 'key=hunter2',
  };
  await traced('request', attributes, async () => undefined);
  await tracing.close();
  const body = collector.requests.map((request) => request.body).join('');
  for (const kept of ['https://a.example/path', 'https://a.example/old', '/target']) expect(body).toContain(kept);
  expect(body).not.toContain('hunter2');
});
