/** `kora-wake doctor`: the checklist of the set-up, as the console shows it. */
import { only } from '@kora-wake/shared/runtime/config';
import { z } from 'zod';
import { API_VARIABLES, apiClient } from '../api-client.ts';
import { defineCommand } from '../command.ts';
import { readConfig } from '../settings.ts';

const STATUS = z.object({
  checks: z.array(
    z.object({
      title: z.string(),
      state: z.enum(['ok', 'off', 'warning', 'problem']),
      text: z.string(),
      at: z.string().nullable(),
      fix: z.string().nullable(),
    }),
  ),
});
type Check = z.infer<typeof STATUS>['checks'][number];

const MARKS: Record<Check['state'], string> = { ok: '✓', off: '–', warning: '!', problem: '✗' };

export const command = defineCommand({
  name: 'doctor',
  summary: 'Checks the set-up: Redis, log, workers, Slack, AI and the rest. Each line says what to do.',
  usage: '[options]',
  details: [
    '✓ ready, – optional and not set up, ! check it, ✗ problem. The exit code is 1 if there is a problem.',
    'The API must run: it knows the other apps. Set KORA_API_TOKEN if it needs a token.',
  ],
  options: {},
  run: async (_options, env, io) => {
    const api = apiClient(readConfig(env, io, only(...API_VARIABLES)));
    const { checks } = await api.call(STATUS, 'GET', '/v1/status');
    const width = Math.max(...checks.map(({ title }) => title.length));
    for (const check of checks) for (const line of linesOf(check, width)) io.out(line);
    return checks.some(({ state }) => state === 'problem') ? 1 : 0;
  },
});

function linesOf({ title, state, text, at, fix }: Check, width: number): string[] {
  const first = `${MARKS[state]} ${title.padEnd(width)}  ${text}${at === null ? '' : ` ${at}`}`;
  return fix === null ? [first] : [first, `${' '.repeat(width + 4)}${fix}`];
}
