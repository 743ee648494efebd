import { z } from 'zod';

/** Fastify's own shape of an error. */
export const errorSchema = z.object({ statusCode: z.number(), error: z.string(), message: z.string() });
