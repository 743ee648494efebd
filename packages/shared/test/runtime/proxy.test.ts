import { describe, expect, test } from 'vitest';
import { isExcluded } from '../../src/runtime/proxy.ts';

describe('NO_PROXY', () => {
  test.each([
    ['*', 'https://slack.com/'],
    ['slack.com', 'https://slack.com/'],
    ['slack.com', 'https://SLACK.com./'],
    ['anthropic.com', 'https://api.anthropic.com/'],
    ['.anthropic.com', 'https://api.anthropic.com/'],
    ['*.anthropic.com', 'https://api.anthropic.com/'],
    ['other.test,  API.Anthropic.com', 'https://api.anthropic.com/'],
    ['other.test api.anthropic.com', 'https://api.anthropic.com/'],
    ['llm.test:443', 'https://llm.test/'],
    ['llm.test:8443', 'https://llm.test:8443/'],
    ['10.1.2.3', 'https://10.1.2.3/'],
    ['10.0.0.0/8', 'https://10.1.2.3/'],
    ['10.0.0.0/8:443', 'https://10.1.2.3/'],
    ['::1', 'https://[::1]/'],
    ['[::1]:443', 'https://[::1]/'],
    ['fd00::/8', 'https://[fd12::1]/'],
  ])('%s lists %s', (noProxy, url) => {
    expect(isExcluded(new URL(url), noProxy)).toBe(true);
  });

  test.each([
    ['', 'https://slack.com/'],
    [' , ', 'https://slack.com/'],
    ['.', 'https://slack.com/'],
    ['lack.com', 'https://slack.com/'],
    ['slack.com', 'https://slack.com.evil.test/'],
    ['api.slack.com', 'https://slack.com/'],
    ['llm.test:8443', 'https://llm.test/'],
    ['10.0.0.0/8', 'https://11.1.2.3/'],
    ['10.0.0.0/99', 'https://10.1.2.3/'],
    ['10.0.0.0/8', 'https://[fd00::1]/'],
    ['10.1', 'https://10.1.2.3/'],
    ['0.0.0.0/0', 'https://slack.com/'],
  ])('%s does not list %s', (noProxy, url) => {
    expect(isExcluded(new URL(url), noProxy)).toBe(false);
  });
});
