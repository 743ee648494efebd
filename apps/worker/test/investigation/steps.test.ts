/** The steps of investigations that the console shows. */
import type { Step } from '@kora-wake/shared/store/step-types';
import { readSteps } from '@kora-wake/shared/store/steps';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { describe, expect } from 'vitest';
import { apiError, callsTools, diagnose, finds } from '../../../../test/support/anthropic.ts';
import { commit, fires } from '../../../../test/support/commit.ts';
import { aToolStep, aWake, eventually, type Namespace, test } from '../../../../test/support/fixtures.ts';
import type { Answer } from '../../../../test/support/http-double.ts';
import type { Engine } from '../../src/investigation/agent.ts';
import { investigating } from '../investigating.ts';
import { committed, keeping } from '../keeping.ts';
import { alerts, RULE, settled } from '../storming.ts';
import { diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, working } from '../working.ts';
import { found, look } from './looking.ts';

const SECRET = 'ghp_0123456789abcdefghij0123456789abcdef';
const NO_EVIDENCE = { ...found, evidence: [] };

/** The steps that the engine makes. */
async function stepsOf(ns: Namespace, answers: Answer[], options: Parameters<typeof investigating>[2] = {}) {
  const { engine, wake, asked } = await investigating(ns, answers, options);
  const steps: Step[] = [];
  const report = await engine.investigate(wake, new AbortController().signal, undefined, steps);
  return { steps, report, asked };
}

/** An engine that makes one step; its output is the text about the storm. */
function stepping(end: () => void | Promise<void> = () => undefined) {
  const engine = engineOf(diagnosis);
  const { investigate } = engine;
  const withStep: Engine['investigate'] = async (wake, signal, storm, steps) => {
    steps?.push(aToolStep(storm ?? 'alone'));
    await end();
    return investigate(wake, signal);
  };
  return Object.assign(engine, { investigate: withStep });
}

const read = ({ redis, keys }: Namespace, { id }: Wake) => readSteps(redis, keys, id);
const stored = (ns: Namespace, wake: Wake) => eventually(async () => (await read(ns, wake)) ?? false);

describe('the steps of an investigation', () => {
  test('are its LLM calls and tool calls in order, with inputs and outputs as the LLM saw them', async ({ ns }) => {
    const twice = callsTools({ name: 'look', input: { what: 'api' } }, { name: 'look', input: { what: 'web' } });
    const ended: unknown[] = [];
    const second = Promise.withResolvers<void>();
    const tool = look(async ({ what }) => {
      // The first call ends last.
      if (what === 'api') await second.promise;
      ended.push(what);
      second.resolve();
      return 'HTTP 401 from the API';
    });
    const { steps } = await stepsOf(ns, [twice, finds(found)], { tools: [tool] });
    expect(ended).toEqual(['web', 'api']);
    expect(steps).toMatchObject([
      { kind: 'llm', route: 'probe_investigation', model: 'claude-sonnet-5-5', usage: { inputTokens: 500 } },
      {
        kind: 'tool',
        source: 'call-1',
        name: 'look',
        status: 'ok',
        input: '{"what":"api"}',
        output: 'HTTP 401 from the API',
      },
      { kind: 'tool', source: 'call-2', input: '{"what":"web"}' },
      { kind: 'llm', route: 'tool_loop_iteration', input: '' },
    ]);
    const [first, , , last] = steps.map(({ input, output }) => ({ input, output }));
    expect(first?.input).toMatch(
      /^You are on call\.\n\nCheck before you answer.*A probe reported this:.*Detail: down/s,
    );
    expect(first?.output).toBe('→ look {"what":"api"}\n→ look {"what":"web"}');
    expect(JSON.parse(last?.output ?? '')).toEqual(found);
    expect(steps.every(({ startedAt }) => Math.abs(Date.parse(startedAt) - Date.now()) < 60_000)).toBe(true);
  });

  test('have no secret, neither in inputs nor in outputs', async ({ ns }) => {
    // Only the name beside the value says that it is a secret.
    const variables = { value: 'correct-horse-9', kind: 'text', name: 'DB_PASSWORD' };
    const input = { variables, header: `Bearer ${SECRET}` };
    const call = callsTools({ name: 'look', input }, { name: SECRET });
    const leak = finds({ ...NO_EVIDENCE, diagnosis: `The token is ${SECRET}.` });
    const { steps } = await stepsOf(ns, [call, leak], {
      tools: [look(async () => `token ${SECRET}`)],
      systemPrompt: `You are on call. Use ${SECRET}.`,
    });
    const text = JSON.stringify(steps);
    expect(text).not.toContain('ghp_0123');
    expect(text).not.toContain('correct-horse');
    expect(text.match(/\[redacted GitHub token\]/g)?.length).toBeGreaterThanOrEqual(4);
  });

  test('name the data that an earlier step has, in a round without tools', async ({ ns }) => {
    const { steps, asked } = await stepsOf(ns, [callsTools({ name: 'look' }), diagnose], {
      tools: [look()],
      maxToolRounds: 1,
    });
    expect(asked()[1].messages[0].content).toContain('HTTP 401 from the API');
    const { input } = steps.at(-1) ?? { input: '' };
    expect(input).toContain('(row: see above)');
    expect(input).toContain('look:\n(call-1: see above)\n\nAnswer now');
    expect(input).not.toContain('HTTP 401 from the API');
  });

  test('that failed say why, and a request that is repeated is not', async ({ ns }) => {
    const { steps, report } = await stepsOf(ns, [callsTools({ name: 'look' }), apiError(529), apiError(401)], {
      tools: [look(() => Promise.reject(new RangeError('no such thing')))],
    });
    expect(report).toMatchObject({ kind: 'fallback', code: 'sdk_auth' });
    expect(steps).toMatchObject([
      { kind: 'llm' },
      { kind: 'tool', status: 'execution_error', excType: 'RangeError', output: 'no such thing' },
      { kind: 'llm', error: 'sdk_5xx', input: '', output: '' },
      { kind: 'llm', error: 'sdk_auth', reason: 'HTTP 401: no' },
    ]);
  });
});

describe('the steps of a wake', () => {
  const run = async (ns: Namespace, auditPath: string, engine: Engine, keepsSteps = true) => {
    const double = await slack();
    return working(ns, { engine, messenger: messengerTo(double), auditPath, keepsSteps });
  };

  test('are stored after its report', async ({ ns, logPath }) => {
    const { engine } = await investigating(ns, [callsTools({ name: 'look' }), finds(found)], { tools: [look()] });
    await run(ns, logPath, engine);
    const wake = await enqueue(ns);
    const steps = await stored(ns, wake);
    expect(steps.map(({ kind }) => kind)).toEqual(['llm', 'tool', 'llm']);
    await outcomeIs(ns, wake, 'diagnosis');
  });

  test('are stored as far as they go if the investigation fails', async ({ ns, logPath }) => {
    await run(
      ns,
      logPath,
      stepping(() => {
        throw new RangeError('boom');
      }),
    );
    const wake = await enqueue(ns);
    expect(await stored(ns, wake)).toEqual([aToolStep('alone')]);
    await outcomeIs(ns, wake, 'fallback');
  });

  test('are not stored if KORA_KEEP_STEPS is false', async ({ ns, logPath }) => {
    const { stop } = await run(ns, logPath, stepping(), false);
    const wake = await enqueue(ns);
    await outcomeIs(ns, wake, 'diagnosis');
    await stop();
    expect(await read(ns, wake)).toBeNull();
    expect(await ns.redis.exists(ns.keys.stepsIndex)).toBe(0);
  });

  test('cannot be stored, and the message is sent all the same', async ({ ns, logPath }) => {
    await ns.redis.set(ns.keys.stepsIndex, 'not a sorted set');
    const { log } = await run(ns, logPath, stepping());
    const wake = await enqueue(ns);
    await log.until('investigation.steps_lost');
    await outcomeIs(ns, wake, 'diagnosis');
    expect((await ns.queue.getJob(wake.id))?.attemptsMade).toBe(1);
  });

  test('are not stored for a repeated diagnosis', async ({ ns, logPath }) => {
    const { stop } = await keeping(ns, logPath, { isOnChange: () => true, engine: stepping() });
    const [first, second] = [await committed(ns), await committed(ns)];
    await outcomeIs(ns, second, 'unchanged');
    await stop();
    expect(await read(ns, first)).toHaveLength(1);
    expect(await read(ns, second)).toBeNull();
  });

  test('that leads a storm are those of the investigation of the storm', async ({ ns, logPath }) => {
    await keeping(ns, logPath, { engine: stepping() });
    const wakes = await alerts(ns, 8);
    await settled(ns);
    const leader = wakes.at(-1) ?? aWake();
    expect(await stored(ns, leader)).toMatchObject([
      { output: expect.stringContaining('one of 8 that came together') },
    ]);
  });

  test('that became the one that leads a storm are stored for the storm only', async ({ ns, logPath }) => {
    // Each attempt to store steps is in the log.
    await ns.redis.set(ns.keys.stepsIndex, 'not a sorted set');
    const enqueued = Promise.withResolvers<Wake>();
    const engine = stepping(async () => {
      if (engine.investigations > 0) return;
      const others = Array.from({ length: 7 }, (_, i) =>
        aWake({ id: `w-${i}`, category: `c${i}`, severity: 'warning' }),
      );
      const wakes = [...others, await enqueued.promise];
      await commit(
        ns,
        wakes,
        wakes.map((wake) => fires(wake)),
        RULE,
      );
    });
    const { log, stop } = await keeping(ns, logPath, { engine, commitWaitMs: 0 });
    const leader = await enqueue(ns, { severity: 'warning' });
    const { id } = leader;
    enqueued.resolve(leader);
    await eventually(async () => (await readWakeRecord(ns.redis, ns.keys, id))?.report?.storm !== undefined, 30_000);
    await stop();
    expect(engine.investigations).toBe(2);
    expect(log.lines.filter(({ event }) => event === 'investigation.steps_lost')).toMatchObject([{ wakeId: id }]);
  });
});
