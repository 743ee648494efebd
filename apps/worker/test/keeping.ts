/** Workers that keep incidents, for the tests of notices and of the hold. */
import { readAccount } from '@kora-wake/shared/store/account';
import { actOnIncident, type IncidentAction, type IncidentClocks } from '@kora-wake/shared/store/incidents';
import { incidentIdOf } from '@kora-wake/shared/wake/incident';
import type { Wake } from '@kora-wake/shared/wake/wake';
import { commit, fires } from '../../../test/support/commit.ts';
import { endBeforeCleanup, eventually, type Namespace, testLog } from '../../../test/support/fixtures.ts';
import { auditWriter } from '../src/audit.ts';
import { keepIncidents } from '../src/incidents.ts';
import { diagnosis, engineOf, enqueue, messengerTo, outcomeIs, slack, working } from './working.ts';

export const HOUR_MS = 3_600_000;

export async function committed(ns: Namespace, more: Partial<Wake> = {}): Promise<Wake> {
  await ns.redis.del(ns.keys.dedup('fly:notice'));
  const wake = await enqueue(ns, { severity: 'critical', probe: 'fly', category: 'notice', ...more });
  await commit(ns, [wake], [fires(wake)]);
  return wake;
}

export interface Options {
  clocks?: Partial<IncidentClocks>;
  isDryRun?: boolean;
  engine?: ReturnType<typeof engineOf>;
  isOnChange?: () => boolean;
  commitWaitMs?: number;
  callWebhook?: (body: object, idempotencyKey: string) => Promise<number>;
}

/** Workers that keep incidents. */
export async function keeping(ns: Namespace, logPath: string, options: Options = {}) {
  const { clocks, isDryRun, callWebhook, isOnChange, commitWaitMs = 30_000, engine = engineOf(diagnosis) } = options;
  const double = await slack();
  const messenger = isDryRun ? undefined : messengerTo(double);
  const { log, clock, stop } = working(ns, {
    engine,
    messenger,
    auditPath: logPath,
    commitWaitMs,
    ...(callWebhook && { callWebhook }),
    ...(isOnChange && { isOnChange }),
  });
  const { redis, keys, followups, deliveries } = ns;
  const audit = auditWriter({ path: logPath, createsFolder: false }, Date.now, log.logger);
  const keeper = { redis, keys, followups, deliveries, audit, quietMs: HOUR_MS, now: () => Date.now() + HOUR_MS };
  endBeforeCleanup(
    keepIncidents({ ...keeper, clocks: () => ({ remindMs: HOUR_MS, ...clocks }), log: testLog().logger }, 20),
  );
  return { double, engine, log, clock, stop };
}

/** An incident whose first wake was sent. */
export async function sent(ns: Namespace, logPath: string, options: Options = {}, more: Partial<Wake> = {}) {
  const all = await keeping(ns, logPath, options);
  const wake = await committed(ns, more);
  await outcomeIs(ns, wake, options.isDryRun ? 'dry_run' : 'diagnosis');
  const id = incidentIdOf(wake.id);
  return {
    ...all,
    wake,
    id,
    act: (action: IncidentAction) => actOnIncident(ns.redis, ns.keys, id, action, 'ada'),
    /** Moves times of the incident into the past. */
    back: async (field: string, ms = HOUR_MS) => {
      await ns.redis.hincrby(ns.keys.incident(id), field, -ms);
    },
    posts: () => all.double.accepted.map(({ text }) => text),
  };
}

export const notices = async (ns: Namespace) => (await readAccount(ns.redis, ns.keys)).notices;
export const someSent = (ns: Namespace, count: number) =>
  eventually(async () => {
    const { sent: done, pending } = await notices(ns);
    return done === count && pending === 0;
  });
