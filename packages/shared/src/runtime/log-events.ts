/**
 * The log lines that operators, tests and benchmarks rely on. Each has a stable name in its field `event`; its message
 * may be reworded at any time. `docs/log-events.md` is generated from this table.
 */
type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

interface Definition {
  level: Level;
  /** Default message. A call may give a more exact one. */
  message: string;
  /** Fields that each such line has. It may have more. */
  fields: readonly string[];
}

export const LOG_EVENTS = {
  'app.stopping': { level: 'info', message: 'stopping', fields: ['signal'] },
  'app.stopped': { level: 'info', message: 'stopped', fields: [] },
  'app.crashed': { level: 'fatal', message: 'unexpected error, stopping', fields: ['error'] },
  'app.close_failed': { level: 'warn', message: 'a resource did not close cleanly', fields: ['error'] },
  'app.log_dropped': {
    level: 'warn',
    message: 'log lines were dropped, because nothing read the output',
    fields: ['lines'],
  },
  'config.warning': { level: 'warn', message: 'configuration warning', fields: [] },

  'redis.down': { level: 'error', message: 'Redis unreachable, waiting', fields: ['reason'] },
  'redis.up': { level: 'info', message: 'Redis reachable again', fields: [] },
  'redis.unsafe': { level: 'warn', message: 'Redis is not configured safely', fields: [] },
  'audit_log.postponed': {
    level: 'warn',
    message:
      'the audit log does not exist, and its owner could not write to a log of this user; rows wait until the owner creates it',
    fields: ['path'],
  },
  'redis.rights_missing': {
    level: 'warn',
    message: 'the Redis user lacks optional rights',
    fields: ['rules'],
  },
  'audit_log.write_failed': {
    level: 'warn',
    message: 'cannot write to the audit log; continuing without this row',
    fields: ['path', 'seam', 'error'],
  },
  'tracing.export_failed': {
    level: 'warn',
    message: 'cannot export traces; continuing without them',
    fields: ['reason'],
  },

  'tailer.following': { level: 'info', message: 'watching log', fields: ['path', 'offset', 'from'] },
  'tailer.standby': { level: 'info', message: 'standby: another tailer holds the lease', fields: ['heldBy'] },
  'tailer.other_log': {
    level: 'error',
    message:
      'the tailer of another host follows a different log under the same path, so this log is not read. Set KORA_SOURCE_NAME to another name on each host',
    fields: ['path', 'heldBy'],
  },
  'tailer.took_over': {
    level: 'info',
    message: 'took over the checkpoint that was stored for this log under another name',
    fields: ['path', 'from'],
  },
  'tailer.failing': { level: 'warn', message: 'cannot watch the log, retrying', fields: ['error'] },
  'tailer.recovered': { level: 'info', message: 'watching the log again', fields: ['path'] },
  'tailer.checkpoint_lost': {
    level: 'error',
    message: 'the checkpoint is missing or unreadable in Redis; jobs may be lost too',
    fields: ['path', 'resumeFrom'],
  },
  'tailer.fenced': {
    level: 'warn',
    message: 'another tailer took over the lease or the checkpoint; nothing was committed',
    fields: [],
  },
  'log.truncated': {
    level: 'warn',
    message: 'the log was truncated; unread rows are lost',
    fields: ['offset', 'size'],
  },
  'log.copytruncated': {
    level: 'info',
    message: 'the log was copied and truncated',
    fields: ['path', 'offset'],
  },
  'log.rotated_file_finished': { level: 'debug', message: 'finished a rotated file', fields: ['inode', 'offset'] },
  'log.rotated_file_unreadable': { level: 'warn', message: 'cannot read a rotated file', fields: ['path', 'reason'] },
  'log.rotated_file_compressed': {
    level: 'warn',
    message: 'a rotated file is compressed, so it is not read',
    fields: ['path', 'bytes'],
  },
  'log.missing': {
    level: 'warn',
    message: 'the log does not exist; waiting for it. Check KORA_AUDIT_LOG_PATH and the program that writes it',
    fields: ['path'],
  },
  'log.found': { level: 'info', message: 'the log exists now', fields: ['path'] },
  'log.rotated': {
    level: 'info',
    message: 'renamed the log and created it again: it has reached KORA_AUDIT_LOG_MAX_MIB',
    fields: ['path', 'bytes'],
  },
  'log.rotated_file_removed': { level: 'info', message: 'removed the oldest old file of the log', fields: ['path'] },
  'log.rotation_failed': {
    level: 'error',
    message:
      'cannot rotate the log; it grows further. Let this user write to its folder, or unset KORA_AUDIT_LOG_MAX_MIB',
    fields: ['path', 'error'],
  },
  'log.file_lost': {
    level: 'warn',
    message: 'a file that was being read is gone; its remaining rows are not read',
    fields: ['offset', 'compressed'],
  },
  'line.unreadable': {
    level: 'warn',
    message: 'a line names the wake seam but cannot be read',
    fields: ['reason', 'offset', 'bytes'],
  },
  'line.repaired': {
    level: 'warn',
    message: 'a line is not one valid JSON object; its rows were read all the same',
    fields: ['offset', 'bytes'],
  },
  'line.skipped': {
    level: 'warn',
    message: 'skipped a line: it is longer than 1 MiB, or the file is UTF-16',
    fields: ['reason', 'offset'],
  },
  'row.time_unreadable': {
    level: 'warn',
    message: 'cannot read the time of a wake row; using the time of reading',
    fields: ['offset'],
  },
  'policy.warning': { level: 'warn', message: 'a warning about the policy file', fields: [] },
  'policy.reloaded': { level: 'info', message: 'read the policy file again', fields: ['version'] },
  'policy.invalid': {
    level: 'error',
    message: 'the policy file has faults; the older policy stays in force',
    fields: ['version', 'error'],
  },
  'wake.enqueued': { level: 'info', message: 'enqueued', fields: ['wakeId', 'probe', 'category', 'severity'] },
  'wake.coalesced': { level: 'info', message: 'coalesced', fields: ['winner', 'probe', 'category', 'rows'] },
  'wake.buffered': {
    level: 'info',
    message: 'counted; too few consecutive rows for an alert yet',
    fields: ['probe', 'category', 'rows'],
  },
  'wake.muted': { level: 'info', message: 'muted by the policy', fields: ['probe', 'category', 'reason', 'rows'] },
  'wake.rejected': { level: 'warn', message: 'rejected a wake row', fields: ['reason', 'offset'] },

  'worker.ready': { level: 'info', message: 'waiting for wakes', fields: ['concurrency', 'engine', 'slack'] },
  'worker.job_failed': {
    level: 'warn',
    message: 'a job failed unexpectedly; it is tried again',
    fields: ['queue', 'jobId', 'error'],
  },
  'worker.error': { level: 'debug', message: 'BullMQ worker error', fields: ['error'] },
  'worker.not_announced': {
    level: 'warn',
    message: 'cannot record in Redis that this worker runs, trying again; the console may show it as down',
    fields: ['error'],
  },
  'worker.refused': {
    level: 'error',
    message: 'Redis refuses a command to its user, so this worker takes no jobs; docs/redis.md lists all rights',
    fields: ['error'],
  },
  'investigation.started': { level: 'info', message: 'investigating', fields: ['wakeId', 'probe', 'category'] },
  'investigation.returned': {
    level: 'info',
    message: 'stopping: returned the investigation to the queue',
    fields: ['wakeId'],
  },
  'investigation.waits': {
    level: 'info',
    message: 'the wake waited for long, and a newer one of its pair is not sent yet; waiting for that one',
    fields: ['wakeId', 'newer'],
  },
  'investigation.unchanged': {
    level: 'info',
    message: 'nothing has changed since an earlier wake of the incident: its diagnosis is sent again',
    fields: ['wakeId', 'of'],
  },
  'investigation.waits_for_same': {
    level: 'info',
    message: 'a wake with the same severity, title and detail is being investigated; waiting for its result',
    fields: ['wakeId', 'of'],
  },
  'wake.withdrawn': {
    level: 'info',
    message: 'the wake was not sent: its probe and category recovered before',
    fields: ['wakeId'],
  },
  'investigation.joined': {
    level: 'info',
    message: 'the wake ended with the message of another one of its pair',
    fields: ['wakeId', 'into'],
  },
  'investigation.flapping': {
    level: 'info',
    message: 'the incident was closed and reopened a short time after its last message: the wake waits',
    fields: ['wakeId', 'waitMs'],
  },
  'incidents.expired': {
    level: 'info',
    message: 'incidents without a row for long are closed',
    fields: ['incidents'],
  },
  'incidents.dry_run': {
    level: 'warn',
    message: '[dry run] the message would show',
    fields: ['incident'],
  },
  'delivery.waits_for_hold': {
    level: 'info',
    message: 'a person holds all messages; this one waits until the hold ends',
    fields: ['jobId', 'until'],
  },
  'notices.sent': {
    level: 'info',
    message: 'sent a notice of an incident',
    fields: ['noticeId', 'incidentId', 'kind', 'channel', 'ts'],
  },
  'notices.withdrawn': {
    level: 'info',
    message: 'a notice is not needed any more',
    fields: ['noticeId', 'incidentId', 'kind'],
  },
  'notices.dead': {
    level: 'error',
    message: 'a notice failed for good: correct the cause, then retry it in the console',
    fields: ['noticeId', 'reason'],
  },
  'notices.webhook_answered': {
    level: 'info',
    message: 'the escalation webhook answered',
    fields: ['noticeId', 'incidentId', 'status'],
  },
  'incidents.message_edited': {
    level: 'info',
    message: 'the message shows how the incident develops',
    fields: ['incidentId', 'wakeId', 'line'],
  },
  'incidents.message_not_edited': {
    level: 'warn',
    message: 'Slack cannot change the message; a firing incident gets a new one',
    fields: ['incidentId', 'wakeId', 'code'],
  },
  'incidents.failing': {
    level: 'error',
    message: 'incidents cannot be kept current; tried again every second',
    fields: ['error'],
  },
  'investigation.steps_lost': {
    level: 'warn',
    message: 'cannot store the steps of an investigation; the message is not affected',
    fields: ['wakeId', 'error'],
  },
  'investigation.failed': {
    level: 'error',
    message: 'unexpected error in an investigation',
    fields: ['wakeId', 'error'],
  },
  'engine.call': { level: 'info', message: 'LLM call', fields: ['wakeId', 'model', 'route', 'durationMs'] },
  'engine.unsupported': {
    level: 'warn',
    message: 'the LLM server does not support a feature; continuing without it',
    fields: ['feature', 'code'],
  },
  'engine.tool_refused': {
    level: 'warn',
    message: 'the LLM server refused a tool; continuing without it',
    fields: ['tool'],
  },
  'engine.price_unknown': {
    level: 'warn',
    message: 'no price is known for this model; the budget is charged the highest known price',
    fields: ['model'],
  },
  'engine.usage_absurd': {
    level: 'warn',
    message: 'the LLM server reported more usage than the request can have; the budget is charged the reservation',
    fields: ['model', 'usage', 'reservedUsd'],
  },
  'engine.model_missing': {
    level: 'warn',
    message: 'the LLM server does not have this model; using the last one that answered',
    fields: ['model'],
  },
  'engine.charge_failed': { level: 'error', message: 'cannot record the cost of an LLM call', fields: ['error'] },
  'engine.quotes_dropped': {
    level: 'warn',
    message: 'dropped quotes that are not in the text they name',
    fields: ['wakeId', 'dropped'],
  },
  'tool.call': { level: 'info', message: 'tool call', fields: ['wakeId', 'name', 'status', 'durationMs'] },
  'mcp.connected': { level: 'info', message: 'connected to an MCP server', fields: ['mcpServer', 'tools'] },
  'mcp.unavailable': {
    level: 'warn',
    message: 'an MCP server is not available',
    fields: ['mcpServer', 'retryInMs', 'error'],
  },
  'mcp.session_expired': {
    level: 'info',
    message: 'the session of an MCP server expired; opening a new one',
    fields: ['mcpServer'],
  },
  'mcp.call_failed': {
    level: 'warn',
    message: 'a call to an MCP server failed',
    fields: ['mcpServer', 'tool', 'error'],
  },
  'mcp.servers_missing': {
    level: 'warn',
    message: 'MCP servers are down; investigating without their tools',
    fields: ['missing'],
  },
  'mcp.no_allow_list': {
    level: 'warn',
    message: 'an MCP server has no allow list, so none of its tools are offered',
    fields: ['mcpServer'],
  },
  'mcp.names_collide': { level: 'warn', message: 'left out MCP tools with colliding names', fields: ['names'] },
  'mcp.tools_left_out': { level: 'warn', message: 'left out tools of an MCP server', fields: ['mcpServer', 'leftOut'] },
  'mcp.stderr': { level: 'debug', message: 'stderr of an MCP server', fields: ['mcpServer', 'stderr'] },
  'mcp.error': { level: 'debug', message: 'error of an MCP server', fields: ['mcpServer', 'error'] },
  'slack.connected': { level: 'info', message: 'connected to Slack', fields: ['team', 'bot', 'scopes'] },
  'slack.scopes_missing': { level: 'warn', message: 'the Slack app lacks scopes', fields: ['missing'] },
  'slack.check_failed': {
    level: 'warn',
    message: 'cannot ask Slack for team and scopes, trying again every minute; check KORA_SLACK_BOT_TOKEN',
    fields: ['code'],
  },
  'delivery.dry_run': { level: 'warn', message: '[dry run] would send:', fields: ['dm'] },
  'delivery.sent': { level: 'info', message: 'Slack accepted the DM', fields: ['wakeId', 'channel', 'ts'] },
  'delivery.looked_up': {
    level: 'info',
    message: 'looked up an earlier post in Slack',
    fields: ['wakeId', 'found'],
  },
  'delivery.look_up_limited': {
    level: 'warn',
    message: 'Slack limits look-ups: this one waits, other DMs are sent',
    fields: ['wakeId', 'waitMs'],
  },
  'delivery.look_up_failed': {
    level: 'warn',
    message: 'cannot look up an earlier post; posting again, marked as a possible duplicate',
    fields: ['wakeId'],
  },
  'delivery.held': {
    level: 'error',
    message: 'Slack refuses the token or its scopes; all DMs wait until KORA_SLACK_BOT_TOKEN is corrected',
    fields: ['wakeId', 'code'],
  },
  'delivery.blocks_refused': {
    level: 'warn',
    message: 'Slack refused the layout of the DM; sending its text alone',
    fields: ['wakeId', 'code'],
  },
  'delivery.rate_limited': {
    level: 'warn',
    message: 'Slack rate limit: waiting',
    fields: ['wakeId', 'code', 'retryAfterMs'],
  },
  'delivery.retrying': { level: 'warn', message: 'the DM was not delivered, retrying', fields: ['wakeId', 'code'] },
  'delivery.dead': {
    level: 'error',
    message: 'delivery failed: fix the cause, then retry in the console',
    fields: ['wakeId', 'queue', 'reason'],
  },
  'outcome.record_failed': {
    level: 'error',
    message: 'cannot record the outcome of a wake; the next repair run will',
    fields: ['wakeId', 'error'],
  },
  'repair.done': { level: 'warn', message: 'repaired after a crash', fields: ['wakeId', 'kind'] },
  'repair.failed': { level: 'warn', message: 'a repair run failed; the next one continues', fields: ['error'] },

  'ingest.redis_failing': {
    level: 'warn',
    message: 'Redis does not answer: alerts of other tools are accepted, but their retries are not recognised',
    fields: ['error'],
  },
  'ingest.log_unavailable': {
    level: 'error',
    message: 'cannot write alerts of other tools to the audit log; their senders are asked to try again',
    fields: ['path', 'error'],
  },
  'api.listening': { level: 'info', message: 'listening', fields: ['url'] },
  'api.request_failed': { level: 'error', message: 'request failed', fields: ['method', 'route', 'error'] },
  'api.redis_failing': {
    level: 'error',
    message: 'Redis fails requests although it is connected; answering 503 until it works',
    fields: ['route', 'error'],
  },
  'slack.socket_open': {
    level: 'info',
    message: 'the socket for clicks in Slack is open',
    fields: ['connections'],
  },
  'slack.socket_failed': {
    level: 'warn',
    message: 'the socket for clicks in Slack cannot be opened; tried again',
    fields: ['error'],
  },
  'slack.click_failed': {
    level: 'error',
    message: 'a click in Slack was not applied; Slack shows the person an error',
    fields: ['error'],
  },
  'api.clicked': {
    level: 'info',
    message: 'a person clicked a button in Slack',
    fields: ['incidentId', 'action', 'result'],
  },
  'api.incident_changed': {
    level: 'info',
    message: 'an operator changed an incident',
    fields: ['incidentId', 'action'],
  },
  'api.window_cleared': {
    level: 'info',
    message: 'debounce window cleared',
    fields: ['probe', 'category', 'suppressed'],
  },
  'api.windows_cleared': { level: 'info', message: 'debounce windows cleared', fields: ['probe', 'cleared'] },
  'api.ledger_corrected': {
    level: 'info',
    message: 'the spend of a month was corrected',
    fields: ['month', 'usd', 'spentUsd'],
  },
  'api.record_unreadable': {
    level: 'warn',
    message: 'left out a record that is not valid',
    fields: ['key'],
  },
  'api.events_unreadable': { level: 'debug', message: 'cannot read events, retrying', fields: ['error'] },
} as const satisfies Record<string, Definition>;

export type LogEvent = keyof typeof LOG_EVENTS;

/** The part of a pino or Fastify logger that an event needs. */
export type LogTarget = Record<Level, (fields: object, message: string) => void>;

type Fields<E extends LogEvent> = Record<(typeof LOG_EVENTS)[E]['fields'][number], unknown> & Record<string, unknown>;

/**
 * Writes one line with its event name, at the level of the table.
 *
 * @param message instead of the default one
 */
export function logEvent<E extends LogEvent>(log: LogTarget, event: E, fields: Fields<E>, message?: string): void {
  const { level, message: usual } = LOG_EVENTS[event];
  log[level]({ event, ...fields }, message ?? usual);
}
