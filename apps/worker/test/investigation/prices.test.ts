import { NO_USAGE } from '@kora-wake/shared/wake/report';
import { describe, expect, test } from 'vitest';
import { prices } from '../../src/investigation/prices.ts';

const USAGE = { ...NO_USAGE, inputTokens: 1_000, outputTokens: 1_000 };

describe('a price', () => {
  test.each([
    'us.anthropic.claude-sonnet-5-5',
    'us.anthropic.claude-sonnet-5-5-v1:0',
    'anthropic.claude-sonnet-5-5',
    'anthropic/claude-sonnet-5-5',
    'anthropic/claude-sonnet-5.5',
    'openrouter/anthropic/claude-sonnet-5-5',
    'bedrock/eu.anthropic.claude-sonnet-5-5-v2:0',
    'claude-sonnet-5-5@20260101',
  ])('of %s is the price of the model itself', (name) => {
    const own = prices().usd('claude-sonnet-5-5', USAGE);
    expect(own).toBeGreaterThan(0);
    expect(prices().usd(name, USAGE)).toBe(own);
  });

  test('of the operator wins, and covers cached tokens', () => {
    const own = prices({ 'claude-sonnet-5-5': { inputUsd: 1, outputUsd: 5 } });
    const usage = { inputTokens: 1e6, outputTokens: 1e6, cacheCreationInputTokens: 1e6, cacheReadInputTokens: 1e6 };
    expect(own.usd('claude-sonnet-5-5', usage)).toBe(8);
    expect(own.worstCaseUsd('claude-sonnet-5-5', 1_000_000, 1_000_000)).toBe(6);
  });

  test('of an unknown model is not known, and its charge is the highest one', () => {
    const { usd, chargeUsd } = prices({ mine: { inputUsd: 1, outputUsd: 1 } });
    for (const name of [
      'qwen3:8b',
      'arn:aws:bedrock:us-east-1:1:application-inference-profile/a1',
      '',
      'constructor',
    ]) {
      expect(usd(name, USAGE)).toBeNull();
      expect(chargeUsd(name, USAGE)).toBeGreaterThan(chargeUsd('claude-sonnet-5-5', USAGE));
    }
  });
});

test.each([
  ['claude-haiku-4-5', 'claude-sonnet-5-5', 'claude-haiku-4-5'],
  ['anthropic/claude-haiku-4-5', 'claude-sonnet-5-5', 'anthropic/claude-haiku-4-5'],
  ['provider/mine', 'mine', 'mine'],
  ['other', 'mine', 'other'],
])('an answer of %s to a request for %s is recorded as %s', (answered, requested, name) => {
  expect(prices({ mine: { inputUsd: 1, outputUsd: 1 } }).nameOf(answered, requested)).toBe(name);
});
