/** `kora-wake investigate --file FILE`: investigates one row in the terminal and shows each step. Nothing is sent. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Config, usedBy } from '@kora-wake/shared/runtime/config';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';
import { proxiedFetch } from '@kora-wake/shared/runtime/proxy';
import { closeRedis } from '@kora-wake/shared/runtime/redis';
import { ledger } from '@kora-wake/shared/store/budget-ledger';
import { redisKeys } from '@kora-wake/shared/store/keys';
import { isJsonObject, type JsonObject, parseJson } from '@kora-wake/shared/wake/json';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { agent } from '@kora-wake/worker/investigation/agent';
import { anthropicModel } from '@kora-wake/worker/investigation/model';
import { toolbox } from '@kora-wake/worker/tools/toolbox';
import { defineCommand, type Env, type Io, UsageError } from '../command.ts';
import { agentOptions, printReport, wakeFrom } from '../investigation.ts';
import { commandConfig, openRedis, SILENT } from '../redis-settings.ts';
import { recordingFetch, recordingTools, type Transcript, writeTranscript } from '../transcript.ts';

export const command = defineCommand({
  name: 'investigate',
  summary: 'Investigates one row in this terminal. Nothing is sent.',
  usage: '--file FILE [--record FILE]',
  details: ['Needs ANTHROPIC_API_KEY, and a Redis for the budget.'],
  options: {
    file: { type: 'string', value: 'FILE', about: 'the first wake row of this file is investigated' },
    record: { type: 'string', value: 'FILE', about: 'write a transcript, for "replay FILE"' },
  },
  run: async ({ values: { file, record } }, env, io) => {
    if (file === undefined) throw new UsageError('--file is needed: a file with a wake row.');
    await investigate(firstWakeRow(file), record, await commandConfig(env, io, usedBy('worker')), env, io);
    return 0;
  },
});

async function investigate(row: JsonObject, record: string | undefined, config: Config, env: Env, io: Io) {
  const { credential, baseUrl } = config.anthropic;
  if (!credential) throw new StartupError('set ANTHROPIC_API_KEY, or run a recorded investigation with "replay FILE".');
  const transcript: Transcript = {
    row,
    at: Date.now(),
    nonce: randomBytes(8).toString('hex'),
    offered: [],
    missing: [],
    answers: [],
    looks: [],
  };
  const wake = wakeFrom(row, transcript.at, config, env);
  const redis = await openRedis(config);
  const keys = redisKeys(config.queuePrefix);
  const box = await toolbox(config, env, redis, keys, Date.now, SILENT);
  try {
    // Before the LLM costs anything.
    if (record !== undefined) assertWritable(record);
    const report = await agent({
      ...agentOptions(config, env, transcript.nonce, io),
      model: anthropicModel({
        credential,
        baseUrl,
        fetch: recordingFetch(transcript, await proxiedFetch(config.proxy)),
      }),
      ledger: ledger(redis, keys, config.costMonthlyUsd, Date.now, randomUUID),
      tools: async (_wake, signal) => {
        const { tools, missing } = await box.tools(signal);
        transcript.missing = missing;
        return { tools: recordingTools(transcript, tools), missing };
      },
    }).investigate(wake, new AbortController().signal);
    if (record !== undefined) writeTranscript(record, transcript);
    printReport(wake, report, io);
  } finally {
    await box.close();
    await closeRedis(redis);
  }
}

function assertWritable(path: string): void {
  try {
    writeFileSync(path, '', { mode: 0o600, flag: 'a' });
  } catch (error) {
    throw new StartupError(`${path} cannot be written (${errorReason(error)}).`, { cause: error });
  }
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
      const row = parseJson(line);
      if (isJsonObject(row) && row.seam === WAKE_SEAM) return row;
    } catch {
      // not a row
    }
  }
  throw new StartupError(`${path} has no ${WAKE_SEAM} row.`);
}
