/** Must be imported before the contract: zod decides how to parse as a schema is created. */
import { z } from 'zod';

// Zod would otherwise compile its parsers with `new Function`, which the content security policy forbids.
z.config({ jitless: true });
