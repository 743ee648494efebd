import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The folder is as deep in `src` as in `dist`. */
const file = join(import.meta.dirname, '..', '..', '..', '..', 'package.json');

/** Version of Kora Wake, from the package.json of the repository. */
export const VERSION = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
