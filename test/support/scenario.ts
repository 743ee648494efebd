/** The wake and the tools of a scenario, for the tests and for `npm run eval`. */
import { readWake, type Wake } from '@kora-wake/shared/wake/wake';
import type { Tool } from '../../apps/worker/src/tools/tool.ts';
import type { Scenario } from '../scenarios.ts';
import { wakeRow } from './rows.ts';

/** The wake of the scenario's row. @param now ms since the epoch */
export function scenarioWake({ row: { title, detail, probe = 'fly', snapshot = {} } }: Scenario, now: number): Wake {
  const line = wakeRow({ probe, title, detail, severity: 'critical', details: { snapshot_details: snapshot } });
  const wake = readWake(JSON.parse(line), 'w-scenario', now);
  if (!wake) throw new Error(`the row of a scenario is not a wake row: ${title}`);
  return wake;
}

/** Tools with the fixed answers of the scenario. A tool without an answer never returns. */
export function scenarioTools({ tools }: Scenario): Tool[] {
  return Object.entries(tools).map(([name, answer]) => ({
    name,
    description: `Returns information as its name says: ${name.replaceAll('_', ' ')}.`,
    inputSchema: { type: 'object', properties: { host: { type: 'string' }, url: { type: 'string' } } },
    run: () => (answer === undefined ? new Promise<string>(() => undefined) : Promise.resolve(answer)),
  }));
}
