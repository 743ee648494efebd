/**
 * `npm run investigate -- --file row.jsonl`: one investigation in the terminal, as it happens; nothing is sent. `--record
 * FILE` keeps it, `--replay FILE` runs a kept one again, without a network or a key.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { createLogger } from '@kora-wake/shared/runtime/log';
import { closeRedis, connectRedisOnce } from '@kora-wake/shared/runtime/redis';
import { freeLedger, ledger } from '@kora-wake/shared/store/budget-ledger';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { isJsonObject, type JsonObject } from '@kora-wake/shared/wake/json';
import { directMessage } from '@kora-wake/shared/wake/message';
import { redactor } from '@kora-wake/shared/wake/redact';
import type { EngineCall, Report, ToolCall } from '@kora-wake/shared/wake/report';
import { readWake, type Wake } from '@kora-wake/shared/wake/wake';
import { type AgentOptions, agent } from '@kora-wake/worker/investigation/agent';
import { anthropicModel } from '@kora-wake/worker/investigation/model';
import { priceUsd } from '@kora-wake/worker/investigation/prices';
import { SYSTEM_PROMPT } from '@kora-wake/worker/investigation/prompt';
import { toolbox } from '@kora-wake/worker/tools/toolbox';
import {
  readTranscript,
  recordingFetch,
  recordingTools,
  replayingFetch,
  replayingTools,
  type Transcript,
  writeTranscript,
} from '../transcript.ts';

const USAGE = `say which row, or which transcript:
  npm run investigate -- --file row.jsonl [--record kept.json]   asks the engine: needs a key, and a Redis
  npm run investigate -- --replay kept.json                      asks nobody`;
const log = createLogger('investigate', 'silent', process.stdout);

try {
  const options = { file: { type: 'string' }, record: { type: 'string' }, replay: { type: 'string' } } as const;
  const { file, record, replay } = parseArgs({ options }).values;
  const { config } = loadConfig(process.env);
  if (replay) show(...(await replayed(readTranscript(replay), config)));
  else if (file) show(...(await investigated(firstWakeRow(file), config, record)));
  else throw new StartupError(USAGE);
} catch (error) {
  const told = error instanceof StartupError || errorReason(error).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof Error) || !told) throw error;
  console.error(`kora-wake: ${error.message}`);
  process.exitCode = 2;
}

async function investigated(row: JsonObject, config: Config, record: string | undefined): Promise<[Wake, Report]> {
  const { credential, baseUrl } = config.anthropic;
  if (!credential) throw new StartupError('set ANTHROPIC_API_KEY, or run a transcript with --replay.');
  const kept: Transcript = {
    row,
    at: Date.now(),
    nonce: randomBytes(8).toString('hex'),
    offered: [],
    missing: [],
    answers: [],
    looks: [],
  };
  const redis = await connectRedisOnce(config.redisUrl, 'producer', log);
  const keys = redisKeys(config.queuePrefix);
  const box = await toolbox(config, process.env, redis, keys, Date.now, log);
  const wake = wakeOf(row, kept.at, config);
  // Before anything is paid for.
  if (record) writable(record);
  try {
    const report = await agent({
      ...common(config, kept),
      model: anthropicModel({ credential, baseUrl, fetch: recordingFetch(kept) }),
      ledger: ledger(redis, keys, config.costMonthlyUsd, Date.now, randomUUID),
      tools: async (_wake, signal) => {
        const { tools, missing } = await box.tools(signal);
        kept.missing = missing;
        return { tools: recordingTools(kept, tools), missing };
      },
    }).investigate(wake, new AbortController().signal);
    if (record) writeTranscript(record, kept);
    return [wake, report];
  } finally {
    await box.close();
    await closeRedis(redis);
  }
}

async function replayed(kept: Transcript, config: Config): Promise<[Wake, Report]> {
  const wake = wakeOf(kept.row, kept.at, config);
  const report = await agent({
    ...common(config, kept),
    model: anthropicModel({
      credential: { kind: 'apiKey', key: 'none' },
      baseUrl: undefined,
      fetch: replayingFetch(kept),
    }),
    ledger: freeLedger,
    tools: async () => ({ tools: replayingTools(kept), missing: kept.missing }),
  }).investigate(wake, new AbortController().signal);
  return [wake, report];
}

function writable(path: string): void {
  try {
    writeFileSync(path, '', { mode: 0o600, flag: 'a' });
  } catch (error) {
    throw new StartupError(`${path} cannot be written (${errorReason(error)}).`, { cause: error });
  }
}

function common(config: Config, kept: Transcript): Omit<AgentOptions, 'model' | 'ledger' | 'tools'> {
  const { normal, warn75, downshift90 } = config.models;
  return {
    models: { normal, warn_75: warn75, downshift_90: downshift90 },
    systemPrompt: config.systemPromptPath ? readFileSync(config.systemPromptPath, 'utf8') : SYSTEM_PROMPT,
    redact: redactor(config.redact),
    timeoutMs: config.investigationTimeoutMs,
    maxToolRounds: config.maxToolRounds,
    retryDelayMs: 1_000,
    newNonce: () => kept.nonce,
    watcher: {
      call: (_wake, call) => console.log(engineLine(call)),
      tool: (_wake, ...call) => console.log(toolLine(...call)),
    },
    log,
  };
}

function firstWakeRow(path: string): JsonObject {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError(`${path} cannot be read (${errorReason(error)}).`, { cause: error });
  }
  for (const line of text.split('\n')) {
    try {
      const row: unknown = JSON.parse(line);
      if (isJsonObject(row) && row.seam === 'probe.wake_requested') return row;
    } catch {
      // not this line
    }
  }
  throw new StartupError(`${path} has no probe.wake_requested row.`);
}

function wakeOf(row: JsonObject, at: number, config: Config): Wake {
  const wake = readWake(row, 'w-replay', at, redactor(config.redact));
  if (!wake) throw new StartupError('the row is no wake: its details are not an object.');
  return wake;
}

function engineLine({ route, model, usage, durationMs, error }: EngineCall): string {
  const cost = priceUsd(model, usage);
  const tokens = `${usage.inputTokens + usage.cacheCreationInputTokens + usage.cacheReadInputTokens} in, ${usage.outputTokens} out`;
  return `▸ ${route}  ${model}  ${seconds(durationMs)}  ${tokens}  ${dollars(cost)}${error ? `  ${error}` : ''}`;
}

function toolLine(call: ToolCall, input: unknown, output: string): string {
  const shown = output.replace(/\s+/g, ' ').slice(0, 120);
  return `  ${call.source} ${call.name} ${JSON.stringify(input)}  ${call.status}  ${call.durationMs} ms\n      ${shown}`;
}

function show(wake: Wake, report: Report): void {
  console.log(`\n${indented(directMessage(wake, report))}\n`);
  const looked = `${report.calls.length} rounds, ${report.toolCalls?.length ?? 0} tool calls`;
  const spent = `${seconds(report.durationMs)}, ${dollars(report.costUsd)}`;
  if (report.kind === 'fallback') console.log(`no diagnosis: ${report.code}; ${looked}, ${spent}`);
  else {
    for (const { source, quote } of report.evidence ?? [])
      console.log(`  evidence, ${source}: ${JSON.stringify(quote)}`);
    const dropped = report.droppedQuotes ? `, ${report.droppedQuotes} quotes dropped` : '';
    console.log(`${report.verdict ?? 'plain text, no verdict'}${dropped}; ${looked}, ${spent}`);
  }
}

function indented(text: string): string {
  return text.replace(/^/gm, '    │ ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function dollars(usd: number | null): string {
  return usd === null ? 'price not known' : `$${usd.toFixed(4)}`;
}
