/** `kora-wake COMMAND`: the commands for users. */
const COMMANDS: Record<string, () => Promise<unknown>> = {
  start: () => import('./commands/start.ts'),
  wake: () => import('./commands/wake.ts'),
  audit: () => import('./commands/audit.ts'),
  investigate: () => import('./commands/investigate.ts'),
  simulate: () => import('./commands/simulate.ts'),
};

const [name = ''] = process.argv.splice(2, 1);
const command = COMMANDS[name];
if (command) await command();
else {
  console.error(`usage: kora-wake ${Object.keys(COMMANDS).join(' | ')}`);
  process.exitCode = 2;
}
