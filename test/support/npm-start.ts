/** The private Redis of `npm start`, and an alert for it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Options of `kora-wake wake`. */
export const WAKE = [
  '--probe',
  'fly',
  '--category',
  'service_unhealthy',
  '--severity',
  'critical',
  '--title',
  'Fly app unreachable: HTTP 401',
];

interface Address {
  pid: number;
}

/** The address of the private Redis. @throws if it is not written yet */
export function readAddress(folder: string): Address {
  return JSON.parse(readFileSync(join(folder, 'redis', 'server.json'), 'utf8'));
}

/** Undefined until the file is written. */
export function tryReadAddress(folder: string): Address | undefined {
  try {
    return readAddress(folder);
  } catch {
    return undefined;
  }
}

/** True if no process has this pid. */
export function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
