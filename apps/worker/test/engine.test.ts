import type { EngineCall } from '@kora-wake/shared/core/report';
import type { Wake } from '@kora-wake/shared/core/wake';
import { describe, expect, onTestFinished, test } from 'vitest';
import { anthropicDouble, apiError, DIAGNOSIS, diagnose, message } from '../../../test/support/anthropic.ts';
import { type Answer, cutShort, hang, html, json, reset } from '../../../test/support/http-double.ts';
import { anthropicEngine, type EngineOptions } from '../src/engine.ts';

const wake: Wake = {
  id: 'w-1',
  probe: 'fly',
  category: 'service_unhealthy',
  severity: 'critical',
  title: 'Fly app(s) unreachable: HTTP 401',
  detail: 'down',
  snapshotDetails: {},
  envelopeEnabled: false,
  envelopeFixName: '(none)',
  emittedAt: 0,
};

async function engineWith(answers: Answer[], options: Partial<EngineOptions> = {}) {
  const double = await anthropicDouble();
  onTestFinished(() => double.close());
  double.next.push(...answers);
  const calls: EngineCall[] = [];
  const engine = anthropicEngine({
    credential: { kind: 'apiKey', key: 'sk-test' },
    baseUrl: double.url,
    systemPrompt: 'You are on call.',
    model: { model: 'claude-sonnet-5-5', effort: 'medium' },
    timeoutMs: 10_000,
    retryDelayMs: 5,
    onCall: (_wake, call) => calls.push(call),
    ...options,
  });
  const investigate = (signal = new AbortController().signal) => engine.investigate(wake, signal);
  return { double, calls, investigate };
}

const never = async () => {
  throw new Error('an engine without a credential asks nobody');
};

describe('the engine', () => {
  test('asks once, with the prompt, the model and its effort, and gives the answer verbatim', async () => {
    const { double, calls, investigate } = await engineWith([]);
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
      system: [{ text: 'You are on call.' }],
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

  test('without a credential says so, and asks nobody', async () => {
    const { double, investigate } = await engineWith([never], { credential: undefined });
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'engine_unavailable', calls: [] });
    expect(double.requests).toHaveLength(0);
  });

  test('sends a key and a Claude Code token each in its way', async () => {
    const key = await engineWith([]);
    await key.investigate();
    expect(key.double.requests[0]?.headers.authorization).toBe('Bearer sk-test');
    expect(key.double.requests[0]?.headers['anthropic-beta']).toBeUndefined();
    const oauth = await engineWith([], { credential: { kind: 'oauth', token: 'oat-test' } });
    await oauth.investigate();
    expect(oauth.double.requests[0]?.headers.authorization).toBe('Bearer oat-test');
    expect(oauth.double.requests[0]?.headers['anthropic-beta']).toContain('oauth');
  });

  test.each<[string, Answer]>([
    ['429', apiError(429)],
    ['429 that says when', apiError(429, { 'retry-after': '0.01' })],
    ['500', apiError(500)],
    ['529', apiError(529)],
    ['a reset', reset],
    ['an answer cut short', cutShort],
    ['an error page with status 200', html(200)],
    ['an answer of another shape', json(200, { ok: true })],
  ])('tries again after %s', async (_name, answer) => {
    const { calls, investigate } = await engineWith([answer, diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: DIAGNOSIS });
    expect(calls).toHaveLength(2);
  });

  test.each<[string, Answer, string]>([
    ['a bad request', apiError(400), 'sdk_4xx_400'],
    ['a wrong key', apiError(401), 'sdk_auth'],
    ['a key without the right', apiError(403), 'sdk_auth'],
    ['an unknown model', apiError(404), 'sdk_4xx_404'],
    ['a request too large', apiError(413), 'sdk_4xx_413'],
    ['a refusal', json(200, message('No.', { stop_reason: 'refusal' })), 'refused'],
    ['an empty answer', json(200, message('')), 'empty_response_text'],
    ['an answer of blanks', json(200, message(' \n ')), 'empty_response_text'],
    ['thinking that never came to words', json(200, message('', { stop_reason: 'max_tokens' })), 'empty_response_text'],
  ])('does not try again after %s', async (_name, answer, code) => {
    const { calls, investigate } = await engineWith([answer, diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'fallback', code });
    expect(calls).toEqual([expect.objectContaining({ error: code })]);
  });

  test.each<[string, Answer, string]>([
    ['429', apiError(429), 'sdk_rate_limited'],
    ['529', apiError(529), 'sdk_5xx'],
    ['503', apiError(503), 'sdk_5xx'],
    ['a reset', reset, 'sdk_transport'],
    ['an error page', html(200), 'sdk_transport'],
  ])('gives up on lasting %s with %s’s code', async (_name, answer, code) => {
    const { calls, investigate } = await engineWith(Array.from({ length: 20 }, () => answer));
    expect(await investigate()).toMatchObject({ kind: 'fallback', code });
    expect(calls).toHaveLength(5);
  });

  test('does not wait for a Retry-After past its deadline', async () => {
    const { calls, investigate } = await engineWith([apiError(429, { 'retry-after': '3600' }), diagnose]);
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_rate_limited' });
    expect(calls).toHaveLength(1);
  });

  test('ends at its deadline where nobody answers', async () => {
    const began = performance.now();
    const { investigate } = await engineWith([hang], { timeoutMs: 200 });
    expect(await investigate()).toMatchObject({ kind: 'fallback', code: 'sdk_timeout' });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('stops at once when it is told to, and throws the reason', async () => {
    const stop = new AbortController();
    const { investigate } = await engineWith([() => stop.abort(new Error('shutting down'))]);
    await expect(investigate(stop.signal)).rejects.toThrow('shutting down');
  });

  test('keeps what was said where the answer grew too long', async () => {
    const { investigate } = await engineWith([json(200, message('It is most likely', { stop_reason: 'max_tokens' }))]);
    expect(await investigate()).toMatchObject({ kind: 'diagnosis', text: 'It is most likely' });
  });

  test('knows no price for a model nobody sells', async () => {
    const { investigate } = await engineWith([json(200, message('ok', { model: 'qwen3:8b' }))]);
    expect((await investigate()).costUsd).toBeNull();
  });

  test('keeps an answer whose telemetry makes no sense', async () => {
    const odd = {
      model: 5,
      usage: { input_tokens: '12', output_tokens: -3 },
      content: [null, 'x', { type: 'text', text: DIAGNOSIS }],
    };
    const { investigate } = await engineWith([json(200, message('', odd))]);
    expect(await investigate()).toMatchObject({
      kind: 'diagnosis',
      text: DIAGNOSIS,
      model: 'claude-sonnet-5-5',
      usage: { inputTokens: 0, outputTokens: 0 },
    });
  });

  test('never shows its key, not even where the server repeats it', async () => {
    const key = 'sk-ant-secret-key-0123456789';
    const echo: Answer = ({ headers }, response) => {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: headers.authorization } }));
    };
    const { double, calls, investigate } = await engineWith([echo], { credential: { kind: 'apiKey', key } });
    expect(JSON.stringify([await investigate(), calls])).not.toContain(key);
    expect(double.requests[0]?.headers.authorization).toContain(key);
  });
});
