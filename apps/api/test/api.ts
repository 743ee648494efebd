/** The API on a test's own namespace, and what it wrote into the audit log. */
import type { AuditRow } from '@kora-wake/shared/runtime/audit-log';
import { onTestFinished } from 'vitest';
import { type Namespace, testLog } from '../../../test/support/fixtures.ts';
import { buildApp } from '../src/app.ts';

export async function api(ns: Namespace, token?: string, readToken?: string) {
  const log = testLog();
  const written: AuditRow[] = [];
  const app = await buildApp({
    store: ns,
    deliveries: ns.deliveries,
    tokens: { ...(token && { token }), ...(readToken && { readToken }) },
    budgetUsd: 200,
    append: async (row) => void written.push(row),
    now: Date.now,
    log: log.logger,
  });
  onTestFinished(() => app.close());
  return { app, log, written };
}
