/** The caller, the account, the logs, and the changes by operators. */

import { policyState } from '@kora-wake/shared/policy/state';
import { FEEDBACK_VERDICTS } from '@kora-wake/shared/wake/feedback';
import { CLOSE_REASONS } from '@kora-wake/shared/wake/incident';
import { OUTCOMES } from '@kora-wake/shared/wake/outcome';
import { MCP_STATES, PROBLEM_KINDS, SERVICES } from '@kora-wake/shared/wake/services';
import { z } from 'zod';
import { time } from './common.ts';

const counts = z.record(z.string(), z.number());

/** Rights of a caller: `change` may do everything, `look` may only read. */
export const RIGHTS = ['change', 'look'] as const;
export type Right = (typeof RIGHTS)[number];

export const Me = z
  .object({ name: z.string().describe('name of the caller in the audit log'), may: z.enum(RIGHTS) })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;

export const Operation = z
  .object({
    at: time,
    what: z.string().describe('in the past tense, such as window_cleared'),
    by: z.string(),
    reason: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Operation' });
export type Operation = z.infer<typeof Operation>;

export const Operations = z.object({ entries: z.array(Operation) }).meta({ id: 'Operations' });
export type Operations = z.infer<typeof Operations>;

export const Account = z
  .object({
    rows: z.number(),
    enqueued: z.number(),
    coalesced: z.number(),
    buffered: z.number().describe('rows that were counted until there were enough for a wake'),
    muted: z.number(),
    rejected: counts.describe('rows by reason'),
    outcomes: z.record(z.enum(OUTCOMES), z.number()).describe('wakes by outcome'),
    recovered: z
      .object({ closed: z.number(), partial: z.number(), ignored: z.number() })
      .describe('rows of recoveries by result; partial: other instances still fire; ignored: it was not firing'),
    incidents: z
      .object({ opened: z.number(), open: z.number(), closed: z.record(z.enum(CLOSE_REASONS), z.number()) })
      .describe('openings and reopenings, and how they ended'),
    notices: z
      .object({ sent: z.number(), withdrawn: z.number(), dead: z.number(), pending: z.number() })
      .describe('messages of incidents that belong to no wake; withdrawn: not needed any more'),
    feedback: z.record(z.enum(FEEDBACK_VERDICTS), z.number()).describe('how often people judged a diagnosis'),
    inFlight: z.number().describe('wakes in progress'),
    unreadLines: z.number().describe('lines that name a wake or a recovery but cannot be read'),
    repaired: counts.describe('repairs after crashes, by kind'),
    unaccounted: z.number().describe('rows without a decision and wakes without an outcome; anything but 0 is a fault'),
    oldestPendingMs: z.number().describe('age of the oldest wake without an outcome; 0 if there is no such wake'),
  })
  .meta({ id: 'Account' });
export type Account = z.infer<typeof Account>;

export const Source = z
  .object({
    id: z.string(),
    path: z.string(),
    name: z.string().nullable().describe('KORA_SOURCE_NAME of its tailer; null if it is not set'),
    offset: z.number().describe('end of the decided part of the newest file, bytes'),
    size: z.number().nullable().describe('bytes; null if the API does not have the file'),
    lagBytes: z.number().nullable().describe('written but not decided yet, bytes; null if the size is'),
    lastRowAt: time.nullable(),
    committedAt: time,
    holder: z.string().nullable().describe('tailer that holds the lease, as host:pid; null if no tailer does'),
    missingSince: time
      .nullable()
      .describe('since when the tailer has waited for the log to appear; null if the log exists'),
    conflictWith: z
      .string()
      .nullable()
      .describe(
        'tailer that follows a different log under the same path, as host:pid; null if there is no such tailer',
      ),
  })
  .meta({ id: 'Source' });
export type Source = z.infer<typeof Source>;

export const Tailer = z.object({ sources: z.array(Source) }).meta({ id: 'Tailer' });
export type Tailer = z.infer<typeof Tailer>;

export const SourceParams = z.object({ id: z.string().regex(/^[0-9a-f]{16}$/, 'must be the id of a log') });

export const ForgottenSource = z.object({ forgotten: z.literal(true), id: z.string() }).meta({ id: 'ForgottenSource' });
export type ForgottenSource = z.infer<typeof ForgottenSource>;

export const UnreadableLine = z
  .object({
    at: time.describe('when it was read'),
    offset: z.number().describe('byte offset in its file'),
    reason: z.string().describe('not_json, torn, cut_by_wrapper, malformed, too_long or utf_16'),
    text: z.string().describe('the beginning of the line, without secrets'),
  })
  .meta({ id: 'UnreadableLine' });
export type UnreadableLine = z.infer<typeof UnreadableLine>;

const rows = z.number().describe('alerts');
const IngestSource = z
  .object({
    source: z.string(),
    lastAt: time.describe('time of the last request'),
    accepted: rows,
    recovered: rows,
    ignored: rows,
    unmapped: z.number().describe('requests whose body could not be mapped'),
    refused: z.number().describe('requests with a wrong token or signature'),
    unavailable: z.number().describe('requests that were asked to try again'),
  })
  .meta({ id: 'IngestSource' });

const IngestFault = z
  .object({
    at: time,
    source: z.string(),
    field: z.string().describe('dot path of the field that is missing or wrong'),
    message: z.string(),
    text: z.string().describe('the beginning of the body, without secrets'),
  })
  .meta({ id: 'IngestFault' });

export const ServiceProblem = z
  .object({
    service: z.enum(SERVICES).describe('slack: sending; slack_rights: looking up messages; llm: investigating'),
    kind: z.enum(PROBLEM_KINDS),
    code: z.string().describe("the service's error code, or ours in the same style"),
    message: z.string().describe("the service's own words, redacted; may be empty"),
    since: time,
    lastSeenAt: time.describe('time of the last failure'),
    waiting: z.number().describe('messages that wait to be sent; 0 for the LLM'),
  })
  .meta({ id: 'ServiceProblem' });
export type ServiceProblem = z.infer<typeof ServiceProblem>;

const policy = policyState
  .extend({
    version: z.string().describe('beginning of a hash of the file; empty: no file'),
    problem: z.string().nullable().describe('why the last reload failed, so that an older version is in force'),
  })
  .meta({ id: 'PolicyState' });

export const TestAlert = z
  .object({
    wakeId: z.string().nullable().describe('null: the tailer has not picked it up within five seconds'),
    probe: z.string(),
    category: z.string(),
  })
  .meta({ id: 'TestAlert' });
export type TestAlert = z.infer<typeof TestAlert>;

export const Check = z
  .object({
    id: z.string(),
    title: z.string(),
    state: z.enum(['ok', 'off', 'warning', 'problem']).describe('off: it is optional, and not set up'),
    text: z.string().describe('its state in words'),
    at: time.nullable().describe('time that belongs to the end of the text; null: none'),
    fix: z.string().nullable().describe('what to do; null: nothing'),
  })
  .meta({ id: 'Check' });
export type Check = z.infer<typeof Check>;

const version = z.string().nullable().describe('of Kora Wake; null: an earlier release');

export const Status = z
  .object({
    version: z.string().describe('of this API'),
    checks: z.array(Check).describe('the set-up as a checklist'),
    problems: z.array(ServiceProblem).describe('services that failed at the last attempt'),
    workers: z.array(
      z.object({ id: z.string().describe('host:pid'), version, startedAt: time, policy: policy.nullable() }),
    ),
    policy: policy.describe('the policy that this API runs'),
    slack: z
      .object({
        isConfigured: z.boolean().describe('whether every worker has a token'),
        operator: z.string().nullable().describe('who gets the messages; null if a worker has nobody'),
        team: z.string().nullable(),
        bot: z.string().nullable(),
        scopes: z.array(z.string()).nullable().describe('null if Slack does not name them, or has not answered yet'),
        missingScopes: z.array(z.string()),
      })
      .nullable()
      .describe('set-up of the running workers; null if no worker runs'),
    clicks: z
      .object({
        areTaken: z.boolean().describe('whether any API takes clicks now: messages have buttons only then'),
        socket: z
          .object({ isConnected: z.boolean(), connections: z.number().describe('open sockets of the Slack app') })
          .nullable()
          .describe('the socket of this API to Slack; null if it has none'),
        isHttpOpen: z.boolean().describe('whether this API takes signed clicks over HTTP'),
      })
      .describe('clicks on the buttons of messages'),
    llm: z
      .object({
        isConfigured: z.boolean().describe('whether every worker has a credential'),
        model: z.string().nullable().describe('model of the first budget tier'),
        lastAnswerAt: time.nullable().describe('last answer to a running worker'),
      })
      .nullable()
      .describe('set-up of the running workers; null if no worker runs'),
    log: z.object({
      path: z.string().describe('the audit log of this API'),
      sourceId: z.string(),
      isWatched: z.boolean().describe('whether a tailer holds the lease of this log'),
      unreadable: z.array(UnreadableLine).describe('the last lines that name a wake but cannot be read, newest first'),
    }),
    ingestion: z
      .object({
        sources: z.array(IngestSource).describe('tools that have sent something'),
        faults: z.array(IngestFault).describe('the last bodies that could not be mapped, newest first'),
      })
      .describe('alerts of other tools'),
    tailers: z.array(
      z.object({
        holder: z.string().describe('host:pid'),
        version,
        sourceId: z.string(),
        path: z.string(),
        policy: policy.nullable(),
      }),
    ),
    mcpServers: z.array(
      z.object({
        name: z.string(),
        state: z.enum(MCP_STATES).describe('worst of all workers; no_allow_list: its `allow` list is missing'),
      }),
    ),
    redis: z.object({
      address: z.string().describe('without the password'),
      warnings: z.array(z.string()).nullable().describe('settings that may lose alerts; null if they cannot be read'),
    }),
  })
  .meta({ id: 'Status' });
export type Status = z.infer<typeof Status>;
