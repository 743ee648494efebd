/** Whether the process is alive, and whether it is ready. */
import { z } from 'zod';

export const Health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
export type Health = z.infer<typeof Health>;

export const Readiness = Health.extend({
  warnings: z.array(z.string()).optional().describe('settings of this Redis that are not safe'),
}).meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof Readiness>;
