/** An incident or a storm, as far as its messages need it. */

import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import { incidentJson } from '@kora-wake/shared/store/incident-json';
import { incidentMessage } from '@kora-wake/shared/store/incident-message';
import { readIncident } from '@kora-wake/shared/store/incidents';
import type { Keys } from '@kora-wake/shared/store/keys';
import { readStorm, type Storm } from '@kora-wake/shared/store/storms';
import { readWakeRecord } from '@kora-wake/shared/store/wake-record';
import type { DmBlock } from '@kora-wake/shared/wake/blocks';
import { digestMessage, stormJson, stormLine } from '@kora-wake/shared/wake/digest';
import { incidentLine } from '@kora-wake/shared/wake/incident-line';
import { isStormId } from '@kora-wake/shared/wake/storm';

export interface Subject {
  id: string;
  startedAt: number;
  acknowledgedAt: number | null;
  by: string | null;
  /** Its state. */
  line: string;
  /** For other programs. */
  json: object;
  /** Its names, for the log. */
  names: object;
  /**
   * Text (escaped) and blocks of its message. Undefined if there is nothing to show.
   *
   * @param of the wake or, for a storm, the notice whose message it is
   */
  message(
    of: string,
    about: { note: string; line: string; hasButtons: boolean },
  ): Promise<{ text: string; blocks: DmBlock[] } | undefined>;
}

interface Stores {
  redis: RedisClient;
  keys: Keys;
  consoleUrl?: string | undefined;
}

/** Undefined if it does not exist any more. */
export async function readSubject(stores: Stores, id: string): Promise<Subject | undefined> {
  if (isStormId(id)) {
    const storm = await readStorm(stores.redis, stores.keys, id);
    return storm && stormSubject(stores, storm);
  }
  const incident = await readIncident(stores.redis, stores.keys, id);
  if (!incident) return undefined;
  const { probe, category, startedAt, acknowledgedAt, by } = incident;
  return {
    id,
    startedAt,
    acknowledgedAt,
    by,
    line: incidentLine(incident),
    json: incidentJson(incident),
    names: { incidentId: id, probe, category },
    message: (wakeId, about) => incidentMessage(stores, incident, wakeId, about),
  };
}

/** After this time nobody waits for the investigation of a storm any more, ms. */
const INVESTIGATED_FOR_MS = 10 * 60_000;

export function stormSubject({ redis, keys }: Stores, storm: Storm): Subject {
  const { id, startedAt, acknowledgedAt, by, leader, openedAt } = storm;
  return {
    id,
    startedAt,
    acknowledgedAt,
    by,
    line: stormLine(storm),
    json: stormJson(storm),
    names: { incidentId: id, probe: 'alert storm', category: `${storm.members.length} alerts` },
    message: async (noticeId, about) => {
      const record = leader === '' ? undefined : await readWakeRecord(redis, keys, leader);
      const report = record?.report?.storm === id ? record.report : undefined;
      const isInvestigated = leader !== '' && Date.now() - openedAt < INVESTIGATED_FOR_MS;
      return digestMessage(storm, noticeId, { ...about, report, isInvestigated });
    },
  };
}
