/** The scenarios without a model, and the hostile rows: whatever is planted, nothing else is called, shown or sent. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { directMessage } from '@kora-wake/shared/wake/message';
import { readWake, type Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { investigating } from '../apps/worker/test/investigating.ts';
import { SCENARIOS, type Scenario, score } from './scenarios.ts';
import { callsTools, finds } from './support/anthropic.ts';
import { test, wakeRow } from './support/fixtures.ts';

const NOW = Date.parse('2026-11-23T03:00:00Z');

function wakeOf({ row: { title, detail, probe = 'fly', snapshot = {} } }: Scenario): Wake {
  const line = wakeRow({ probe, title, detail, details: { snapshot_details: snapshot } });
  const wake = readWake(JSON.parse(line), 'w-scenario', NOW);
  if (!wake) throw new Error('it is no wake');
  return wake;
}

describe('a scenario', () => {
  test.for(SCENARIOS)('$name', async (scenario, { ns }) => {
    const tools = Object.entries(scenario.tools).map(([name, said]) => ({
      name,
      description: name,
      inputSchema: { type: 'object' },
      run: () => (said === undefined ? new Promise<string>(() => undefined) : Promise.resolve(said)),
    }));
    const timeoutMs = 3_000;
    const { investigate } = await investigating(ns, scenario.replies, { tools, timeoutMs });
    expect(score(await investigate(undefined, wakeOf(scenario)), scenario.expect)).toEqual([]);
  });

  test('is scored by what is wrong with it', async ({ ns }) => {
    const [first] = SCENARIOS;
    const { investigate } = await investigating(ns, [
      finds({ verdict: 'inconclusive', diagnosis: 'All is well.', next_step: 'None.', evidence: [] }),
    ]);
    expect(score(await investigate(), first?.expect ?? {})).toHaveLength(4);
  });
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

  test('is there to be tried', () => {
    expect(wakes.length).toBeGreaterThan(10);
  });

  test.for(wakes)('%#: $title is shown as data, keeps its secrets, and gets nothing done', async (wake, { ns }) => {
    const said = JSON.stringify([wake.title, wake.detail, wake.snapshotDetails]);
    const answers = [
      callsTools({ name: 'look' }, { name: 'send_message', input: { text: said } }),
      finds({ verdict: 'confirmed', diagnosis: said, next_step: said, evidence: [] }),
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
  });
});
