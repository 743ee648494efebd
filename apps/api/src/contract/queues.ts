/** The two queues. */
import { z } from 'zod';

/** States of a job that are counted. A job of a paused queue counts as waiting. */
export const JOB_STATES = ['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'] as const;

export const Queue = z
  .object({
    name: z.string(),
    isPaused: z.boolean(),
    counts: z.record(z.enum(JOB_STATES), z.number()).describe('jobs by state'),
    workers: z.number().nullable().describe('null if the Redis user may not count them'),
    oldestWaitingMs: z.number().nullable().describe('age of the oldest waiting job; null if no job waits'),
  })
  .meta({ id: 'Queue' });
export type Queue = z.infer<typeof Queue>;

export const Queues = z.object({ queues: z.array(Queue) }).meta({ id: 'Queues' });
export type Queues = z.infer<typeof Queues>;

export const QueueParams = z.object({ name: z.string() });

export const QueueState = z.object({ name: z.string(), isPaused: z.boolean() }).meta({ id: 'QueueState' });
export type QueueState = z.infer<typeof QueueState>;
