/** `npm run docs`: writes the documents that are generated from tables in the code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedDocs } from './generated-docs.ts';

for (const [path, text] of Object.entries(generatedDocs())) {
  writeFileSync(join(import.meta.dirname, '..', path), text);
  console.log(path);
}
