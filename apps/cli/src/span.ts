import { UsageError } from './command.ts';

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads a time such as `30m`. @param name of the option or argument @returns ms @throws UsageError */
export function readSpan(name: string, text: string): number {
  const [, amount = '', unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new UsageError(`${name}: expected a number and s, m or h, such as 30m.`);
  return ms;
}
