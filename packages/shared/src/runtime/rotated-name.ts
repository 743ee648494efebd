import { basename, extname } from 'node:path';

/** Whether rotation gives a log such a name: `log.jsonl.1`, `log.jsonl-20261122`, `log-20261122.jsonl`, or one of these compressed. */
export function isRotatedName(path: string, name: string): boolean {
  const base = basename(path);
  const stem = base.slice(0, base.length - extname(base).length);
  return name !== base && name.startsWith(stem) && /^[._-]/.test(name.slice(stem.length));
}
