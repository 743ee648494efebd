/** `kora-wake wake`: appends one wake row to the audit log, as a probe does. */
import { type Json, parseJson } from '@kora-wake/shared/wake/json';
import { WAKE_SEAM } from '@kora-wake/shared/wake/wake';
import { appendRow } from '../append-row.ts';
import { defineCommand, UsageError } from '../command.ts';

export const command = defineCommand({
  name: 'wake',
  summary: 'Appends a wake row to the audit log, as a probe does.',
  usage: '--probe NAME --category NAME [options]',
  options: {
    probe: { type: 'string', value: 'NAME', about: 'the probe that found the problem, for example fly' },
    category: { type: 'string', value: 'NAME', about: 'the kind of problem, for example service_unhealthy' },
    severity: { type: 'string', value: 'NAME', about: 'critical, warning or info', default: 'warning' },
    title: { type: 'string', value: 'TEXT', about: 'the problem in one line', default: '(no title)' },
    detail: { type: 'string', value: 'TEXT', about: 'further facts', default: '(no detail)' },
    instance: {
      type: 'string',
      value: 'NAME',
      about: 'which of several things behind the pair, for example a machine',
    },
    snapshot: { type: 'string', value: 'JSON', about: 'facts as a JSON object', default: '{}' },
  },
  run: async ({ values }, env, io) => {
    const { probe, category, severity, title, detail, instance } = values;
    if (!probe || !category) throw new UsageError('--probe and --category are needed.');
    const details = {
      probe,
      severity,
      category,
      title,
      detail,
      snapshot_details: readSnapshot(values.snapshot),
      envelope_enabled: false,
      envelope_fix_name: '(none)',
      ...(instance && { instance }),
    };
    const path = await appendRow(WAKE_SEAM, details, env, io);
    io.out(`Row written to ${path}.
If Kora Wake runs, it sends a DM, unless the window of ${probe} / ${category} is open: then it counts the row as a repeat.`);
    return 0;
  },
});

function readSnapshot(json: string): Json {
  try {
    return parseJson(json);
  } catch {
    throw new UsageError('--snapshot is not valid JSON.');
  }
}
