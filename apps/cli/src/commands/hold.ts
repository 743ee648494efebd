/** `kora-wake hold`: holds all messages for a time, over the API. */
import { only } from '@kora-wake/shared/runtime/config';
import { z } from 'zod';
import { API_VARIABLES, apiClient } from '../api-client.ts';
import { defineCommand, UsageError } from '../command.ts';
import { readConfig } from '../settings.ts';
import { readSpan } from '../span.ts';

const HOLD = z.object({ until: z.string().nullable(), by: z.string().nullable() });

export const command = defineCommand({
  name: 'hold',
  summary: 'Holds all messages for a time: only the first critical alert of an incident is sent.',
  usage: '[TIME | end] [options]',
  details: [
    'TIME is a number and s, m or h, from 60s to 24h, such as 30m. Without it, the hold in force is shown.',
    'The API must run. Set KORA_API_TOKEN if it needs a token.',
  ],
  positionals: 1,
  options: { reason: { type: 'string', value: 'TEXT', about: 'why; stored in the audit log' } },
  run: async ({ values: { reason }, positionals: [given] }, env, io) => {
    const seconds = given === undefined || given === 'end' ? 0 : Math.round(readSpan('TIME', given) / 1_000);
    if (seconds > 86_400 || (seconds > 0 && seconds < 60)) throw new UsageError('a hold lasts from 60s to 24h.');
    const api = apiClient(readConfig(env, io, only(...API_VARIABLES)));
    const method = given === undefined ? 'GET' : given === 'end' ? 'DELETE' : 'PUT';
    const { until, by } = await api.call(HOLD, method, '/v1/hold', method === 'PUT' ? { seconds } : undefined, reason);
    io.out(until !== null ? `All messages are held until ${until} by ${by}.` : 'No hold is in force.');
    return 0;
  },
});
