/** Which policy an app runs, as it is stored and shown. */
import { z } from 'zod';

export const policyState = z.object({
  /** See `Policy`; empty: no file. */
  version: z.string(),
  /** Why the last reload failed, so that an older version is in force; null: it did not. */
  problem: z.string().nullable(),
});
export type PolicyState = z.infer<typeof policyState>;
