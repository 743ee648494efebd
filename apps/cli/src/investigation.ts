/** Shared by `investigate` and `replay`: the options of the agent, and the report in the terminal. */
import { readFileSync } from 'node:fs';
import type { Config } from '@kora-wake/shared/runtime/config';
import { knownValues } from '@kora-wake/shared/runtime/credentials';
import { StartupError } from '@kora-wake/shared/runtime/errors';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { directMessage } from '@kora-wake/shared/wake/message';
import { redactor } from '@kora-wake/shared/wake/redact';
import type { EngineCall, Report, ToolCall } from '@kora-wake/shared/wake/report';
import { readWake, type Wake } from '@kora-wake/shared/wake/wake';
import type { AgentOptions } from '@kora-wake/worker/investigation/agent';
import { type Prices, prices } from '@kora-wake/worker/investigation/prices';
import { SYSTEM_PROMPT } from '@kora-wake/worker/investigation/prompt';
import type { Env, Io } from './command.ts';
import { SILENT } from './redis-settings.ts';

/** @param nonce fences untrusted text in the prompt; a replay uses the one of its transcript */
export function agentOptions(
  config: Config,
  env: Env,
  nonce: string,
  io: Io,
): Omit<AgentOptions, 'model' | 'ledger' | 'tools'> {
  const modelPrices = prices(config.modelPrices);
  return {
    models: config.models,
    prices: modelPrices,
    systemPrompt: config.systemPromptPath ? readFileSync(config.systemPromptPath, 'utf8') : SYSTEM_PROMPT,
    redact: redactor(config.redact, knownValues(env)),
    timeoutMs: config.investigationTimeoutMs,
    maxToolRounds: config.maxToolRounds,
    retryDelayMs: 1_000,
    newNonce: () => nonce,
    watcher: {
      call: (_wake, call) => io.out(engineLine(call, modelPrices)),
      tool: (_wake, ...call) => io.out(toolLine(...call)),
    },
    log: SILENT,
  };
}

/**
 * @param at time of reading, ms since the epoch
 * @throws StartupError if the details of the row are not an object
 */
export function wakeFrom(row: JsonObject, at: number, config: Config, env: Env): Wake {
  const wake = readWake(row, 'w-replay', at, redactor(config.redact, knownValues(env)));
  if (!wake) throw new StartupError('the details of the row are not an object.');
  return wake;
}

function engineLine(
  { route, model, usage, durationMs, without, error, reason }: EngineCall,
  modelPrices: Prices,
): string {
  const cost = modelPrices.usd(model, usage);
  const tokens = `${usage.inputTokens + usage.cacheCreationInputTokens + usage.cacheReadInputTokens} in, ${usage.outputTokens} out`;
  const reduced = without ? `  without ${without.join(', ')}` : '';
  return `▸ ${route}  ${model}  ${seconds(durationMs)}  ${tokens}  ${dollars(cost)}${reduced}${error ? `  ${error}` : ''}${reason ? `  ${reason}` : ''}`;
}

function toolLine(call: ToolCall, input: unknown, output: string): string {
  const shown = output.replace(/\s+/g, ' ').slice(0, 120);
  return `  ${call.source} ${call.name} ${JSON.stringify(input)}  ${call.status}  ${call.durationMs} ms\n      ${shown}`;
}

export function printReport(wake: Wake, report: Report, io: Io): void {
  io.out(`\n${indented(directMessage(wake, report))}\n`);
  const steps = `${report.calls.length} rounds, ${report.toolCalls?.length ?? 0} tool calls`;
  const spent = `${seconds(report.durationMs)}, ${dollars(report.costUsd)}`;
  if (report.kind === 'fallback') {
    io.out(`no diagnosis: ${report.code}; ${steps}, ${spent}`);
    return;
  }
  for (const { source, quote } of report.evidence ?? []) io.out(`  evidence, ${source}: ${JSON.stringify(quote)}`);
  const dropped = report.droppedQuotes ? `, ${report.droppedQuotes} quotes dropped` : '';
  io.out(`${report.verdict ?? 'plain text, no verdict'}${dropped}; ${steps}, ${spent}`);
}

function indented(text: string): string {
  return text.replace(/^/gm, '    │ ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function dollars(usd: number | null): string {
  return usd === null ? 'price unknown' : `$${usd.toFixed(4)}`;
}
