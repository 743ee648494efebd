/** `kora-wake replay FILE`: runs a recorded investigation again. Nothing is asked: the answers come from the file. */
import { usedBy } from '@kora-wake/shared/runtime/config';
import { freeLedger } from '@kora-wake/shared/store/budget-ledger';
import { agent } from '@kora-wake/worker/investigation/agent';
import { anthropicModel } from '@kora-wake/worker/investigation/model';
import { defineCommand, UsageError } from '../command.ts';
import { agentOptions, printReport, wakeFrom } from '../investigation.ts';
import { readConfig } from '../settings.ts';
import { readTranscript, replayingFetch, replayingTools } from '../transcript.ts';

export const command = defineCommand({
  name: 'replay',
  summary: 'Runs a recorded investigation again, without a network or a key.',
  usage: 'FILE',
  details: ['FILE is a transcript that "investigate --record FILE" wrote.'],
  positionals: 1,
  options: {},
  run: async ({ positionals: [file] }, env, io) => {
    if (file === undefined) throw new UsageError('FILE is needed: a transcript that "investigate --record" wrote.');
    const config = readConfig(env, io, usedBy('worker'));
    const transcript = readTranscript(file);
    const wake = wakeFrom(transcript.row, transcript.at, config, env);
    const report = await agent({
      ...agentOptions(config, env, transcript.nonce, io),
      model: anthropicModel({
        credential: { kind: 'apiKey', key: 'none' },
        baseUrl: undefined,
        fetch: replayingFetch(transcript),
      }),
      ledger: freeLedger,
      tools: async () => ({ tools: replayingTools(transcript), missing: transcript.missing }),
    }).investigate(wake, new AbortController().signal);
    printReport(wake, report, io);
    return 0;
  },
});
