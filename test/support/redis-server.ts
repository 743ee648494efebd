/** Set-up of a test run: installs the programs that tests need, and starts one empty Redis on a free port for the run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { installPrograms } from './programs.ts';
import { redisProcess } from './redis-process.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  installPrograms(['amtool', 'chromium', 'openssl', 'promtool', 'python3']);
  const folder = mkdtempSync(join(tmpdir(), 'kora-wake-test-redis-'));
  const redis = await redisProcess(folder);
  project.provide('redisUrl', `redis://127.0.0.1:${redis.port}`);
  return async () => {
    await redis.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
}
