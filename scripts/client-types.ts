/**
 * `npm run client-types`: generates `docs/openapi.json` from the API, and `docs/openapi.d.ts` from that file. The generator
 * needs an older TypeScript than ours, so npx fetches both.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from '../apps/cli/src/command.ts';
import { runScript } from './script.ts';

const GENERATOR = 'openapi-typescript@7.13.0';
const root = join(import.meta.dirname, '..');
await runScript(
  defineCommand({
    name: 'client-types',
    summary: 'Writes docs/openapi.json from the API, and docs/openapi.d.ts from it.',
    usage: '',
    options: {},
    run: async () => writeTypes(),
  }),
);

/** @returns the exit code */
async function writeTypes(): Promise<number> {
  const [document, types] = ['openapi.json', 'openapi.d.ts'].map((name) => join(root, 'docs', name));

  // The document is a file snapshot of this test. The test still fails here, because the types are not generated yet.
  run('vitest', ['run', 'apps/api/test/app.test.ts', '-t', 'docs/openapi.json', '-u', '--silent'], 'ignore');
  run('npx', [
    '--yes',
    '--package',
    GENERATOR,
    '--package',
    'typescript@5',
    'openapi-typescript',
    document!,
    '-o',
    types!,
  ]);
  const hash = createHash('sha256').update(readFileSync(document!)).digest('hex');
  writeFileSync(
    types!,
    `// Made from openapi.json, sha256 ${hash}, by \`npm run client-types\`.\n${readFileSync(types!, 'utf8')}`,
  );
  return 0;
}

function run(command: string, args: string[], stdio: 'inherit' | 'ignore' = 'inherit'): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio });
  if (status !== 0 && stdio === 'inherit') process.exit(status ?? 1);
}
