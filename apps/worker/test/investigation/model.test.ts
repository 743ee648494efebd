import { describe, expect, onTestFinished } from 'vitest';
import { apiError, DIAGNOSIS, diagnose, message } from '../../../../test/support/anthropic.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { type Answer, cutShort, hang, html, httpDouble, json, reset } from '../../../../test/support/http-double.ts';
import type { ModelOptions } from '../../src/investigation/model.ts';
import { investigating } from '../investigating.ts';

const pageAsJson: Answer = (_request, response) => {
  response.writeHead(403, { 'content-type': 'application/json' }).end('\n<!DOCTYPE html><title>Access denied</title>');
};
const plain =
  (status: number, text: string): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  };
const redirectPage: Answer = (_request, response) => {
  response.writeHead(307, { 'content-type': 'text/html', location: '/elsewhere' }).end('<html>Moved</html>');
};
const incomplete: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"content": [{"type": "text", "te');
};

describe('the engine', () => {
  test('a redirect takes no prompt to another server', async ({ ns }) => {
    const other = await httpDouble(json(200, message(DIAGNOSIS)));
    onTestFinished(() => other.close());
    const { investigate } = await investigating(
      ns,
      Array.from({ length: 5 }, () => json(307, {}, { location: `${other.url}/v1/messages` })),
    );
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_transport' });
    expect(other.requests).toEqual([]);
  });

  test('asks once with prompt, model and effort, and returns the answer verbatim', async ({ ns }) => {
    const { double, calls, investigate } = await investigating(ns, []);
    const report = await investigate();
    expect(report).toMatchObject({
      kind: 'diagnosis',
      text: DIAGNOSIS,
      model: 'claude-sonnet-5-5',
      usage: { inputTokens: 500, outputTokens: 60, cacheCreationInputTokens: 10, cacheReadInputTokens: 20 },
    });
    // 500 plain, 10 written and 20 read from the cache, 60 out: at $2, $2.5, $0.2 and $10 a million
    expect(report.costUsd).toBeCloseTo((500 * 2 + 10 * 2.5 + 20 * 0.2 + 60 * 10) / 1e6, 8);
    expect(double.requests).toHaveLength(1);
    const body = JSON.parse(double.requests[0]?.body ?? '');
    expect(body).toMatchObject({
      model: 'claude-sonnet-5-5',
      output_config: { effort: 'medium' },
      system: [{ text: 'You are on call.' }, { cache_control: { type: 'ephemeral' } }],
    });
    expect(body.messages[0].content).toContain('Fly app(s) unreachable: HTTP 401');
    expect(calls).toEqual([
      expect.objectContaining({
        route: 'probe_investigation',
        model: 'claude-sonnet-5-5',
        durationMs: expect.any(Number),
      }),
    ]);
  });

  test.for<[string, ModelOptions['credential'], string | undefined]>([
    ['a key', { kind: 'apiKey', key: 'secret-1' }, undefined],
    ['a token', { kind: 'bearer', token: 'secret-1' }, undefined],
    ['a Claude Code token', { kind: 'oauth', token: 'secret-1' }, expect.stringContaining('oauth')],
  ])(
    'sends %s in both usual headers to a server that is not Anthropic’s',
    async ([_name, credential, beta], { ns }) => {
      const { double, investigate } = await investigating(ns, [], { credential });
      await investigate();
      const { headers } = double.requests[0] ?? {};
      expect([headers?.authorization, headers?.['x-api-key']]).toEqual(['Bearer secret-1', 'secret-1']);
      expect(headers?.['anthropic-beta']).toEqual(beta);
    },
  );

  test.for<[string, Answer, string]>([
    [
      'an error',
      json(400, { error: { message: 'Your credit balance is too low.' } }),
      'HTTP 400: Your credit balance is too low.',
    ],
    ['a text', json(402, { error: 'pay first' }), 'HTTP 402: pay first'],
    ['a list', json(422, { detail: [{ loc: ['body'], msg: 'no such\n field' }] }), 'HTTP 422: no such field'],
    ['a list of errors', json(401, [{ error: { code: 401, message: 'expired' } }]), 'HTTP 401: expired'],
    ['a page', html(403, '<html><title>Access denied</title></html>'), 'HTTP 403: Access denied'],
    ['a page without a title', html(403), 'HTTP 403: a page instead of JSON'],
    ['plain text', plain(429, 'slow down'), 'HTTP 429: slow down'],
    ['nothing', plain(500, ''), 'HTTP 500'],
    [
      'a secret',
      json(401, { message: 'bad key sk-ant-api03-0123456789abcdef' }),
      'HTTP 401: bad key [redacted Anthropic key]',
    ],
  ])('keeps the words of a server that answers with %s', async ([_name, answer, reason], { ns }) => {
    const { calls, investigate } = await investigating(
      ns,
      Array.from({ length: 20 }, () => answer),
    );
    expect(await investigate()).toMatchObject({ kind: 'fallback' });
    expect(calls.map((call) => call.reason)).toEqual(calls.map(() => reason));
  });

  test('cuts the words of a server, and no secret at the cut is shown', async ({ ns }) => {
    const words = `${'word '.repeat(57)}sk-ant-api03-0123456789abcdef ${'x'.repeat(100_000)}`;
    const { calls, investigate } = await investigating(ns, [json(401, { message: words })]);
    await investigate();
    expect(calls[0]?.reason).toHaveLength(300);
    expect(calls[0]?.reason).not.toContain('sk-ant');
  });

  test.for<[string, Answer]>([
    ['429', apiError(429)],
    ['429 that says when', apiError(429, { 'retry-after': '0.01' })],
    ['500', apiError(500)],
    ['529', apiError(529)],
    ['408', apiError(408)],
    ['409', apiError(409)],
    ['425', apiError(425)],
    ['400 with x-should-retry', apiError(400, { 'x-should-retry': 'true' })],
    ['a reset', reset],
    ['an answer cut short', cutShort],
    ['an error page with status 200', html(200)],
    ['an error page with status 401', html(401)],
    ['an error page with status 403', html(403)],
    ['an error page with status 404', html(404)],
    ['an error page with status 413', html(413)],
    ['an error page that says it is JSON', pageAsJson],
    ['an answer of another shape', json(200, { ok: true })],
  ])('tries again after %s', async ([_name, answer], { ns }) => {
    const { calls, investigate } = await investigating(ns, [answer, diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
    expect(calls).toHaveLength(2);
  });

  test.for<[string, Answer, string]>([
    ['a wrong key', apiError(401), 'sdk_auth'],
    ['a key without the right', apiError(403), 'sdk_auth'],
    ['500 with x-should-retry: false', apiError(500, { 'x-should-retry': 'false' }), 'sdk_5xx'],
    ['a redirect', json(302, {}, { location: '/elsewhere' }), 'sdk_transport'],
    ['a redirect with a page', redirectPage, 'sdk_transport'],
    ['a refusal', json(200, message('No.', { stop_reason: 'refusal' })), 'refused'],
  ])('does not try again after %s', async ([_name, answer, code], { ns }) => {
    const { calls, investigate } = await investigating(ns, [answer, diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'fallback', code });
    expect(calls).toEqual([expect.objectContaining({ error: code })]);
  });

  test.for<[string, Answer, string]>([
    ['429', apiError(429), 'sdk_rate_limited'],
    ['529', apiError(529), 'sdk_5xx'],
    ['503', apiError(503), 'sdk_5xx'],
    ['408', apiError(408), 'sdk_4xx_408'],
    ['403 with a page', html(403), 'sdk_4xx_403'],
    ['502 with a page', html(502, '<title>Request timed out</title>'), 'sdk_5xx'],
    ['a reset', reset, 'sdk_transport'],
    ['an error page', html(200), 'sdk_transport'],
  ])('gives up on lasting %s with %s’s code', async ([_name, answer, code], { ns }) => {
    const { calls, investigate } = await investigating(
      ns,
      Array.from({ length: 20 }, () => answer),
    );
    expect(await investigate()).toMatchObject({ kind: 'fallback', code });
    expect(calls).toHaveLength(5);
  });

  test.for<[string, Answer]>([
    ['incomplete', incomplete],
    ['of another shape', json(200, { ok: true })],
    ['a word', json(200, 'ok')],
  ])('tries only once again if each answer is %s', async ([_name, answer], { ns }) => {
    const { calls, investigate } = await investigating(
      ns,
      Array.from({ length: 20 }, () => answer),
    );
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_transport' });
    expect(calls).toHaveLength(2);
  });

  test('does not wait for a Retry-After past its deadline', async ({ ns }) => {
    const { calls, investigate } = await investigating(ns, [apiError(429, { 'retry-after': '3600' }), diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_rate_limited' });
    expect(calls).toHaveLength(1);
  });

  test('ends at its deadline if the server never answers', async ({ ns }) => {
    const { investigate } = await investigating(ns, [hang], { timeoutMs: 200 });
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_timeout' });
  });

  test('stops at once when its signal aborts, and throws the reason', async ({ ns }) => {
    const stop = new AbortController();
    const { investigate } = await investigating(ns, [() => stop.abort(new Error('shutting down'))]);
    await expect(investigate(stop.signal)).rejects.toThrow('shutting down');
  });

  test('keeps an answer that was cut at the token limit', async ({ ns }) => {
    const { investigate } = await investigating(ns, [
      json(200, message('It is most likely', { stop_reason: 'max_tokens' })),
    ]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: 'It is most likely' });
  });

  test('has no price for an unknown model', async ({ ns }) => {
    const { investigate } = await investigating(ns, [json(200, message('ok', { model: 'qwen3:8b' }))]);
    expect((await investigate()).costUsd).toBeNull();
  });

  test('keeps an answer with nonsensical usage', async ({ ns }) => {
    const odd = {
      model: 5,
      usage: { input_tokens: '12', output_tokens: -3 },
      content: [null, 'x', { type: 'text', text: DIAGNOSIS }],
    };
    const { investigate } = await investigating(ns, [json(200, message('', odd))]);
    expect(await investigate()).toMatchObject({
      kind: 'diagnosis',
      text: DIAGNOSIS,
      model: 'claude-sonnet-5-5',
      usage: { inputTokens: 0, outputTokens: 0 },
    });
  });

  test('never shows its key, even if the server repeats it', async ({ ns }) => {
    const key = 'sk-ant-secret-key-0123456789';
    const echo: Answer = ({ headers }, response) => {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: headers.authorization } }));
    };
    const { double, calls, investigate } = await investigating(ns, [echo], { credential: { kind: 'apiKey', key } });
    expect(JSON.stringify([await investigate(), calls])).not.toContain(key);
    expect(double.requests[0]?.headers.authorization).toContain(key);
  });
});
