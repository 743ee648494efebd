/** `npm start` with a home folder of a test. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { runScript } from './process.ts';

export const CLI = 'apps/cli/dist/main.js';

/** Paths below a folder, and the folder, whose group or others have a right. */
export function openPaths(folder: string): string[] {
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [folder, ...inside].filter((path) => statSync(path).mode & 0o077);
}

/** Runs `npm start` until its banner is complete. */
export async function startIn(home: string, env: Record<string, string> = {}) {
  const all = { KORA_HOME: home, KORA_API_PORT: String(await freePort()), ...env };
  const start = runScript(CLI, ['start'], all);
  await start.untilText('Ctrl-C stops everything.');
  const banner = start.lines.map(({ msg }) => msg).join('\n');
  return { start, env: all, banner };
}
