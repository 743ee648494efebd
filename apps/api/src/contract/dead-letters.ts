/** Jobs that failed for good. */
import { z } from 'zod';
import { nextCursor, time } from './common.ts';

export const DeadLetter = z
  .object({
    queue: z.string(),
    jobId: z.string(),
    wakeId: z.string().nullable().describe('null, like the next four, if somebody added the job by hand'),
    probe: z.string().nullable(),
    category: z.string().nullable(),
    severity: z.string().nullable(),
    title: z.string().nullable(),
    reason: z.string().describe('why it failed'),
    failedAt: time,
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetter>;

export const DeadLetters = z.object({ entries: z.array(DeadLetter), nextCursor }).meta({ id: 'DeadLetters' });
export type DeadLetters = z.infer<typeof DeadLetters>;

export const DeadLetterParams = z.object({ queue: z.string(), jobId: z.string() });
export type DeadLetterParams = z.infer<typeof DeadLetterParams>;

export const RetriedDeadLetter = z.object({ retried: z.literal(true) }).meta({ id: 'RetriedDeadLetter' });
export type RetriedDeadLetter = z.infer<typeof RetriedDeadLetter>;

export const RetryAllRequest = z.object({
  because: z.string().min(1, 'must not be empty').describe('`reason` of the dead letters to retry'),
});
export type RetryAllRequest = z.infer<typeof RetryAllRequest>;

export const RetriedDeadLetters = z
  .object({
    retried: z.number(),
    isComplete: z.boolean().describe('false: there are more; send the request again'),
  })
  .meta({ id: 'RetriedDeadLetters' });
export type RetriedDeadLetters = z.infer<typeof RetriedDeadLetters>;

export const DropRequest = z.object({
  reason: z.string().trim().min(1, 'must not be empty').max(500).describe('why; stored in the audit log'),
});
export type DropRequest = z.infer<typeof DropRequest>;

export const DroppedDeadLetter = z.object({ dropped: z.literal(true) }).meta({ id: 'DroppedDeadLetter' });
export type DroppedDeadLetter = z.infer<typeof DroppedDeadLetter>;
