/** The rows that the worker appends to the audit log. */
import { type AuditLogFile, auditLog } from '@kora-wake/shared/runtime/audit-log';
import type { Logger } from '@kora-wake/shared/runtime/log';
import type { QueuedIncidentRow } from '@kora-wake/shared/store/incidents';
import type { JsonObject } from '@kora-wake/shared/wake/json';
import { reportSummary } from '@kora-wake/shared/wake/message';
import type { DmStatus } from '@kora-wake/shared/wake/outcome';
import { parseDebounceId } from '@kora-wake/shared/wake/pair';
import type { Report, ToolCall } from '@kora-wake/shared/wake/report';
import type { Wake } from '@kora-wake/shared/wake/wake';

export interface AuditWriter {
  toolCalled(wake: Wake, call: ToolCall): Promise<void>;
  investigationCompleted(wake: Wake, report: Report, status: DmStatus): Promise<void>;
  incidentChanged(row: QueuedIncidentRow): Promise<void>;
}

export function auditWriter(file: AuditLogFile, now: () => number, log: Logger): AuditWriter {
  const appendRow = auditLog(file, now, log);
  const append = (seam: string, wake: Pick<Wake, 'probe' | 'category'>, details: JsonObject) =>
    appendRow({ seam, details, sessionId: `probe:${wake.probe}:${wake.category}`, source: 'reasoning' });

  return {
    // Never the input or output: both may hold any text of any size.
    toolCalled: (wake, call) =>
      append('reasoning.tool_called', wake, {
        tool_name: call.name,
        triggered_by: 'probe_investigation',
        tool_duration_ms: call.durationMs,
        tool_status: call.status,
        ...(call.excType && { exc_type: call.excType }),
      }),
    investigationCompleted: (wake, report, status) =>
      append('probe.investigation_completed', wake, {
        probe: wake.probe,
        issue_category: wake.category,
        severity: wake.severity,
        model_used: report.model,
        input_tokens: report.usage.inputTokens,
        output_tokens: report.usage.outputTokens,
        cache_creation_input_tokens: report.usage.cacheCreationInputTokens,
        cache_read_input_tokens: report.usage.cacheReadInputTokens,
        total_cost_usd: report.costUsd,
        investigation_duration_ms: report.durationMs,
        investigation_summary_text: reportSummary(wake, report),
        dm_status: status,
        autofix_attempted: false,
        ...(report.kind === 'fallback' && { reasoning_error: report.code }),
        wake_id: wake.id,
      }),
    incidentChanged: ({ seam, details }) => {
      const { id, opening, pair, wakeId, reason, durationMs, rows } = details;
      const { probe, category } = parseDebounceId(pair) ?? { probe: '', category: '' };
      return append(
        seam,
        { probe, category },
        {
          incident_id: id,
          opening,
          probe,
          category,
          wake_id: wakeId,
          ...(reason && { reason, duration_ms: durationMs ?? 0, rows: rows ?? 0 }),
        },
      );
    },
  };
}
