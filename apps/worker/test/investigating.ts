/** An investigator with a double of the Messages API and a real budget ledger in Redis. */
import { randomBytes, randomUUID } from 'node:crypto';
import { ledger } from '@kora-wake/shared/store/budget-ledger';
import { redact } from '@kora-wake/shared/wake/redact';
import type { EngineCall, ToolCall } from '@kora-wake/shared/wake/report';
import { onTestFinished } from 'vitest';
import { anthropicDouble } from '../../../test/support/anthropic.ts';
import { aWake, type Namespace, testLog } from '../../../test/support/fixtures.ts';
import type { Answer } from '../../../test/support/http-double.ts';
import { type AgentOptions, agent } from '../src/investigation/agent.ts';
import { anthropicModel, type ModelOptions } from '../src/investigation/model.ts';
import { prices } from '../src/investigation/prices.ts';
import type { Tool } from '../src/tools/tool.ts';

const SONNET = { model: 'claude-sonnet-5-5', effort: 'medium' } as const;

interface Options extends Partial<Omit<AgentOptions, 'tools' | 'model'>> {
  tools?: Tool[];
  missing?: string[];
  credential?: ModelOptions['credential'];
  budgetUsd?: number;
}

export async function investigating(ns: Namespace, answers: Answer[], options: Options = {}) {
  const double = await anthropicDouble();
  onTestFinished(() => double.close());
  double.next.push(...answers);
  const log = testLog();
  const calls: EngineCall[] = [];
  const toolCalls: Array<ToolCall & { input: unknown; output: string }> = [];
  const { tools = [], missing = [], credential = { kind: 'apiKey', key: 'sk-test' }, budgetUsd = 0, ...rest } = options;
  const engine = agent({
    model: anthropicModel({ credential, baseUrl: double.url }),
    models: { normal: SONNET, warn_75: { ...SONNET, effort: 'low' }, downshift_90: { model: 'claude-haiku-4-5' } },
    prices: prices(),
    ledger: ledger(ns.redis, ns.keys, budgetUsd, Date.now, randomUUID),
    tools: async () => ({ tools, missing }),
    systemPrompt: 'You are on call.',
    redact,
    timeoutMs: 10_000,
    maxToolRounds: 5,
    retryDelayMs: 5,
    newNonce: () => randomBytes(8).toString('hex'),
    watcher: {
      call: (_wake, call) => calls.push(call),
      tool: (_wake, call, input, output) => toolCalls.push({ ...call, input, output }),
    },
    log: log.logger,
    ...rest,
  });
  const wake = aWake({ title: 'Fly app(s) unreachable: HTTP 401', detail: 'down' });
  const investigate = (signal?: AbortSignal, asked = wake) =>
    engine.investigate(asked, signal ?? new AbortController().signal);
  /** The bodies of all requests. */
  const asked = () => double.requests.map(({ body }) => JSON.parse(body));
  return { double, log, engine, calls, toolCalls, wake, investigate, asked };
}
