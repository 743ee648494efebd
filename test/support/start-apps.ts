/** Starts all three apps as a test does, prints their pids, and waits to be killed; for test/e2e/orphans.test.ts. */
import { appScript, spawnScript } from './spawn.ts';

const { REDIS_URL = '', KORA_QUEUE_PREFIX = '', KORA_AUDIT_LOG_PATH = '' } = process.env;
const env = { REDIS_URL, KORA_QUEUE_PREFIX, KORA_AUDIT_LOG_PATH, KORA_API_PORT: '0' };
const [tailer, worker, api] = (['tailer', 'worker', 'api'] as const).map((app) => spawnScript(appScript(app), [], env));
await Promise.all([tailer?.until('tailer.following'), worker?.until('worker.ready'), api?.until('api.listening')]);
console.log(JSON.stringify({ msg: 'started', pids: [tailer, worker, api].map((app) => app?.child.pid) }));
