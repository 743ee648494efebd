/** Alerts of other tools. */
import { z } from 'zod';

export const IngestAnswer = z
  .object({
    accepted: z.number().describe('alerts that are now rows of the audit log'),
    recovered: z.number().describe('recoveries that are now rows of the audit log'),
    ignored: z.number().describe('notices, states that are neither firing nor over, and retries'),
  })
  .meta({ id: 'IngestAnswer' });
export type IngestAnswer = z.infer<typeof IngestAnswer>;

export const IngestParams = z.object({ source: z.string().describe('name of a source or of a mapper') });

/** The answers of PagerDuty's Events API v2. */
export const EnqueueAnswer = z
  .object({ status: z.literal('success'), message: z.string(), dedup_key: z.string() })
  .meta({ id: 'EnqueueAnswer' });
export const EnqueueError = z
  .object({ status: z.string(), message: z.string(), errors: z.array(z.string()) })
  .meta({ id: 'EnqueueError' });
