/**
 * The first step of `npm start`, `npm test` and `npm run wake`: installs what the lock file names, builds, and hands
 * on to the script itself. It runs before anything is installed, on whatever Node the machine has, so: plain
 * JavaScript, built-in modules only.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const [script = '', ...args] = process.argv.slice(2);

/** What users run is built with the apps; the rest is for developers, and runs from its source. */
const COMMANDS = new Set(['start', 'wake', 'audit', 'investigate', 'simulate']);

const release = takeTurns();
install();
const node = findNode();
build();
release();
if (COMMANDS.has(script)) run(join('apps', 'cli', 'dist', 'main.js'), [script, ...args]);
else run(join('scripts', `${script}.ts`), args);

/** One terminal may say `npm start` while another says `npm run wake`: only one of them installs and builds. */
function takeTurns() {
  const lock = join(root, '.bootstrap.lock');
  let told = false;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      const free = () => rmSync(lock, { force: true });
      process.on('exit', free);
      return () => {
        process.off('exit', free);
        free();
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isOver(lock)) rmSync(lock, { force: true });
      else if (!told) console.log('Waiting for another terminal that installs or builds …');
      told = true;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

/** Whether the process that wrote its id into the lock has ended without freeing it. */
function isOver(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return !(pid > 0);
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Runs `npm ci` unless what is installed is what the lock file names. */
function install() {
  const stamp = join(root, 'node_modules', '.installed');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing packages (once) …');
  const npm = spawnSync('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) fail('npm ci did not succeed; its message stands above.', npm.status ?? 1);
  writeFileSync(stamp, lock);
}

/** The Node that npm installed for this platform, or the one that runs this where that is new enough. */
function findNode() {
  const installed = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(installed)) return installed;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  return fail(`Kora Wake needs Node 22.18 or newer; this is ${process.version}. Install one from nodejs.org.`, 1);
}

function build() {
  const tsc = spawnSync(
    node,
    [join('node_modules', 'typescript', 'bin', 'tsc'), '-b', 'apps/tailer', 'apps/worker', 'apps/api', 'apps/cli'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (tsc.status !== 0) fail('The build did not succeed; its message stands above.', tsc.status ?? 1);
  buildConsole();
}

/** Builds the console where it is not built from what stands in its folder. */
function buildConsole() {
  const folder = join(root, 'apps', 'console');
  const stamp = join(root, 'apps', 'console', 'dist', '.built');
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    if (/^(?:dist|node_modules)\b/.test(String(name))) continue;
    const path = join(folder, String(name));
    if (statSync(path).isFile()) hash.update(String(name)).update(readFileSync(path));
  }
  const built = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === built) return;
  const vite = spawnSync(
    node,
    [join('node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn', folder],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (vite.status !== 0) fail('The console could not be built; the message stands above.', vite.status ?? 1);
  writeFileSync(stamp, built);
}

/** Runs the script with our own terminal and signals, and ends as it ends. */
function run(file, rest) {
  const child = spawn(node, [file, ...rest], { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm does not hand on every signal; when it is gone, we go too.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500).unref();
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
  });
}

function fail(message, code) {
  console.error(message);
  process.exit(code);
}
