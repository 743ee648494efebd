/** The scenarios with recorded answers, and hostile rows: planted instructions cause no call, and no secret is shown. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { directMessage } from '@kora-wake/shared/wake/message';
import { fallbackReport } from '@kora-wake/shared/wake/report';
import { readWake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { investigating } from '../apps/worker/test/investigating.ts';
import { judgedScenario, SCENARIOS, score } from './scenarios.ts';
import { callsTools, finds } from './support/anthropic.ts';
import { aWake, test } from './support/fixtures.ts';
import { scenarioTools, scenarioWake } from './support/scenario.ts';

const NOW = Date.parse('2026-11-23T03:00:00Z');

describe('a scenario', () => {
  test.for(SCENARIOS)('$name', async (scenario, { ns }) => {
    // A tool that never answers ends with its share of the deadline. Otherwise the deadline must not be reached.
    const hangs = Object.values(scenario.tools).includes(undefined);
    const options = { tools: scenarioTools(scenario), timeoutMs: hangs ? 10_000 : 120_000 };
    const { investigate } = await investigating(ns, scenario.replies, options);
    expect(score(await investigate(undefined, scenarioWake(scenario, NOW)), scenario.expect)).toEqual([]);
  });

  test('gets one sentence for each error in its report', async ({ ns }) => {
    const [first] = SCENARIOS;
    const { investigate } = await investigating(ns, [
      finds({ verdict: 'inconclusive', diagnosis: 'All is well.', next_step: 'None.', evidence: [] }),
    ]);
    expect(score(await investigate(), first?.expect ?? {})).toHaveLength(4);
  });
});

test('an alert of which a person named the cause is a case, scored by the words of the cause', async () => {
  const row = { ...aWake({ title: 'down', snapshotDetails: { status: 401, list: [1] } }) };
  const feedback = { verdict: 'wrong' as const, cause: 'The credit card had expired', by: 'ada', at: NOW };
  const scenario = judgedScenario({ row, feedback });
  expect(scenario).toMatchObject({
    row: { title: 'down', snapshot: { status: 401 } },
    expect: { cause: feedback.cause },
  });
  const say = (text: string) =>
    score({ ...fallbackReport('refused'), kind: 'diagnosis', text }, scenario?.expect ?? {});
  expect(say('The card that pays for the service has expired.')).toEqual([]);
  expect(say('The network is down.')).toHaveLength(1);
  expect(judgedScenario({ row, feedback: { verdict: 'right', by: 'ada', at: NOW } })).toBeUndefined();
  expect(judgedScenario({ row, feedback: null })).toBeUndefined();
});

describe('a hostile row', () => {
  const rows = readFileSync(join(import.meta.dirname, 'fixtures', 'hostile.jsonl'), 'utf8').split('\n');
  const wakes = rows.flatMap((line, i) => {
    try {
      return readWake(JSON.parse(line), `w-${i}`, NOW) ?? [];
    } catch {
      return [];
    }
  });

  test('fixtures exist', () => {
    expect(wakes.length).toBeGreaterThan(10);
  });

  test.for(wakes)(
    '%#: $title is passed on as data, with its secrets removed, and has no effect',
    async (wake, { ns }) => {
      const text = JSON.stringify([wake.title, wake.detail, wake.snapshotDetails]);
      const answers = [
        callsTools({ name: 'look' }, { name: 'send_message', input: { text } }),
        finds({ verdict: 'confirmed', diagnosis: text, next_step: text, evidence: [] }),
      ];
      const nonce = 'f00dcafe';
      const { investigate, double, toolCalls } = await investigating(ns, answers, {
        tools: [
          { name: 'look', description: 'Looks.', inputSchema: { type: 'object' }, run: async () => rows.join('\n') },
        ],
        newNonce: () => nonce,
      });
      const report = await investigate(undefined, wake);
      expect(toolCalls.map(({ name, status }) => [name, status])).toEqual([
        ['look', 'ok'],
        ['send_message', 'not_allowed'],
      ]);
      const [, second] = double.requests.map(({ body }) => body);
      expect(second?.match(new RegExp(`</?data-${nonce} ?`, 'g'))).toHaveLength(6);
      const seen = `${double.requests.map(({ body }) => body).join('\n')}${directMessage(wake, report)}`;
      expect(seen).not.toMatch(
        /xoxb-\d|sk-ant-api03-[A-Za-z0-9]|AKIA[A-Z0-9]{16}|ghp_[A-Za-z0-9]{20}|-----BEGIN [A-Z ]*PRIVATE KEY-----\\*n?[A-Za-z0-9+/]/,
      );
    },
  );
});
