/** Tells the API that this worker runs, with which set-up, and which services fail it. */
import { hostname } from 'node:os';
import { errorFields, type Logger } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import type { RedisClient } from '@kora-wake/shared/runtime/redis';
import type { Keys } from '@kora-wake/shared/store/keys';
import { endProblem, type ReportedProblem, reportProblem } from '@kora-wake/shared/store/problems';
import { recordWorker, removeWorker, SIGN_EVERY_MS, type WorkerSetup } from '@kora-wake/shared/store/running-workers';
import type { Report } from '@kora-wake/shared/wake/report';
import type { Service } from '@kora-wake/shared/wake/services';
import type { Check } from './delivery/identity.ts';
import type { DeliveryFailure } from './delivery/slack.ts';

interface Presence {
  redis: RedisClient;
  keys: Keys;
  log: Logger;
}

/** The state of the services, as the last attempts of this worker found it. */
export interface ServiceReports {
  /** Slack accepted a message. */
  posted(): void;
  /** Slack did not take a message. */
  notPosted(failure: DeliveryFailure): void;
  identityChecked(check: Check): void;
  investigated(report: Report): void;
  /** When the LLM last answered, ms since the epoch; null: not yet. */
  llmAnsweredAt(): number | null;
}

/** Stores each report without making its caller wait. */
export function serviceReports({ redis, keys, log }: Presence): ServiceReports {
  let llmAnsweredAt: number | null = null;
  const report = (service: Service, problem: ReportedProblem | undefined) =>
    void (problem ? reportProblem(redis, keys, log, service, problem) : endProblem(redis, keys, log, service));
  return {
    posted: () => report('slack', undefined),
    notPosted: (failure) => report('slack', slackProblem(failure)),
    identityChecked: (check) => {
      if ('failure' in check) {
        report('slack', slackProblem(check.failure));
        return;
      }
      const { missingScopes } = check.identity;
      const missing = { kind: 'refused', code: 'missing_scope', message: missingScopes.join(', ') } as const;
      const maySend = !missingScopes.includes('chat:write');
      report('slack', maySend ? undefined : missing);
      report('slack_rights', maySend && missingScopes.length > 0 ? missing : undefined);
    },
    investigated: (investigation) => {
      const problem = llmProblem(investigation);
      if (problem === undefined) llmAnsweredAt = Date.now();
      if (problem !== 'unknown') report('llm', problem);
    },
    llmAnsweredAt: () => llmAnsweredAt,
  };
}

/** Undefined if Slack answered about this message only. */
function slackProblem({ kind, code, retryAfterMs }: DeliveryFailure): ReportedProblem | undefined {
  if (kind === 'permanent') return undefined;
  if (kind === 'outage') return { kind: 'refused', code, message: '' };
  return { kind: retryAfterMs === undefined ? 'unreachable' : 'rate_limited', code, message: '' };
}

/** Undefined if the LLM answered, `unknown` if it was not asked. */
function llmProblem(report: Report): ReportedProblem | undefined | 'unknown' {
  const last = report.calls.at(-1);
  if (!last) return 'unknown';
  if (report.kind === 'diagnosis' || !report.code.startsWith('sdk_')) return undefined;
  const { code } = report;
  const message = report.calls.findLast(({ reason }) => reason !== undefined)?.reason ?? '';
  if (code === 'sdk_rate_limited') return { kind: 'rate_limited', code, message };
  const isRefusal = code === 'sdk_auth' || code.startsWith('sdk_4xx_');
  return { kind: isRefusal ? 'refused' : 'unreachable', code, message };
}

export interface Announcement {
  /** Changes a part of the announced set-up at once. */
  update(changed: Partial<WorkerSetup>): void;
  stop(): Promise<void>;
}

/** Announces this worker every few seconds until it stops. @param current the part of its set-up that changes by itself */
export function announce(
  { redis, keys, log }: Presence,
  initial: WorkerSetup,
  current: () => Partial<WorkerSetup> = () => ({}),
): Announcement {
  const id = `${hostname()}:${process.pid}`;
  let setup = initial;
  let last: Promise<void> = Promise.resolve();
  const record = () => {
    last = recordWorker(redis, keys, id, { ...setup, ...current() }).catch((error: unknown) =>
      logEvent(log, 'worker.not_announced', errorFields(error)),
    );
  };
  record();
  // The settings may have changed since the last failure.
  void endProblem(redis, keys, log, 'llm');
  const timer = setInterval(record, SIGN_EVERY_MS);
  return {
    update: (changed) => {
      setup = { ...setup, ...changed };
      record();
    },
    stop: async () => {
      clearInterval(timer);
      await last;
      await removeWorker(redis, keys, id);
    },
  };
}
