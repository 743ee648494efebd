/** `kora-wake recover`: appends one recovery row to the audit log, as a probe does. */
import { RECOVERED_SEAM } from '@kora-wake/shared/wake/wake';
import { appendRow } from '../append-row.ts';
import { defineCommand, UsageError } from '../command.ts';

export const command = defineCommand({
  name: 'recover',
  summary: 'Appends a recovery row to the audit log: what a wake row reported is over.',
  usage: '--probe NAME --category NAME [options]',
  options: {
    probe: { type: 'string', value: 'NAME', about: 'as in the wake row' },
    category: { type: 'string', value: 'NAME', about: 'as in the wake row' },
    instance: { type: 'string', value: 'NAME', about: 'only this instance has recovered; without it, all have' },
    title: { type: 'string', value: 'TEXT', about: 'the recovery in one line' },
    detail: { type: 'string', value: 'TEXT', about: 'further facts' },
  },
  run: async ({ values }, env, io) => {
    const { probe, category, instance, title, detail } = values;
    if (!probe || !category) throw new UsageError('--probe and --category are needed.');
    const details = {
      probe,
      category,
      ...(instance && { instance }),
      ...(title && { title }),
      ...(detail && { detail }),
    };
    const path = await appendRow(RECOVERED_SEAM, details, env, io);
    io.out(`Row written to ${path}.
If Kora Wake runs, it does not send alerts of ${probe} / ${category} that are still waiting, except a first critical one.`);
    return 0;
  },
});
