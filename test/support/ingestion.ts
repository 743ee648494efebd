/** The part of the API that accepts alerts of other tools, for tests. */
import { settingsOf } from '@kora-wake/shared/policy/settings';
import { sourceId } from '@kora-wake/shared/store/keys';
import { encodePosition, NOWHERE } from '@kora-wake/shared/store/position';
import type { ApiOptions } from '../../apps/api/src/app.ts';
import { durableLog } from '../../apps/api/src/ingest/durable-log.ts';
import { writeDurably } from '../../apps/api/src/ingest/durable-write.ts';
import type { Namespace } from './fixtures.ts';

type Ingestion = ApiOptions['ingestion'];

/** Writes to `path`. Without a token only this machine has access. */
export function ingestionTo(path: string, more: Partial<Ingestion> = {}): Ingestion {
  return {
    log: durableLog((rows) => writeDurably({ path, createsFolder: false }, rows)),
    mappings: () => ({ sources: new Map(), chooseForEvents: (_event, defaults) => defaults }),
    access: { signings: new Map(), isLocal: true, apiTokens: {} },
    sns: undefined,
    ...more,
  };
}

/** Makes it look as if a tailer had followed the log once. */
export async function markFollowed(ns: Namespace, path: string): Promise<void> {
  await ns.redis.hset(ns.keys.source(sourceId(path)), { path, position: encodePosition(NOWHERE) });
}

/** The set-up of an API that writes to the log. */
export function setupOf(path: string): ApiOptions['setup'] {
  return {
    logPath: path,
    sourceId: sourceId(path),
    redisAddress: 'redis://:***@redis',
    isIngestionOpen: true,
    hasConsoleUrl: false,
    policy: () => ({ version: '', problem: null }),
  };
}

/** The settings of rows without a policy. */
export const noPolicy = () => settingsOf([], { windowMs: 600_000, consecutive: 1, bypassCritical: false });
