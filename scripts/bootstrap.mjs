/**
 * The first step of every `npm run` command: installs the packages of the lock file, builds, and starts the command.
 * It runs before anything is installed, on any Node the machine has, so it is plain JavaScript with built-in modules.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const bin = join(root, 'node_modules', '.bin');
const [command = '', ...args] = process.argv.slice(2);

/** Commands for users run from the build in apps/cli. Commands for developers run from their source in scripts/. */
const USER_COMMANDS = new Set([
  'start',
  'wake',
  'recover',
  'incidents',
  'doctor',
  'hold',
  'audit',
  'investigate',
  'replay',
  'simulate',
  'map',
  'policy',
  'backtest',
]);

const unlock = lock();
install();
const node = findNode();
build();
unlock();
if (USER_COMMANDS.has(command)) run(join('apps', 'cli', 'dist', 'main.js'), [command, ...args]);
else run(join('scripts', `${command}.ts`), args);

/** Waits until no other terminal installs or builds in this folder. Returns the function that lets the next one in. */
function lock() {
  const file = join(root, '.bootstrap.lock');
  let announced = false;
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      const remove = () => rmSync(file, { force: true });
      process.on('exit', remove);
      return () => {
        process.off('exit', remove);
        remove();
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isStale(file)) rmSync(file, { force: true });
      else if (!announced) console.error('Waiting for another terminal that installs or builds …');
      announced = true;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

/** True if the process that wrote the lock file ended without removing it. */
function isStale(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return !(pid > 0);
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Runs `npm ci`, unless the installed packages are those of the lock file. */
function install() {
  const stamp = join(root, 'node_modules', '.installed');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  console.error('Installing packages (once) …');
  const npm = spawnSync('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) fail('npm ci failed; see its message above.', npm.status ?? 1);
  writeFileSync(stamp, hash);
}

/**
 * The Node of this machine if it is new enough, otherwise the one that npm installed for this platform. `npm run` prefers the
 * programs of packages, so the installed one is not among them unless it is needed.
 */
function findNode() {
  const installed = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  const link = join(bin, 'node');
  const machine = machineNode();
  const [major = 0, minor = 0] = machine.version.split('.').map(Number);
  const isNewEnough = major > 22 || (major === 22 && minor >= 18);
  if (!existsSync(installed)) {
    if (isNewEnough) return machine.path;
    return fail(`Kora Wake needs Node 22.18 or newer; this is v${machine.version}. Install one from nodejs.org.`, 1);
  }
  // If the installed one runs npm, nothing is known about the machine's.
  if (isNewEnough && machine.path !== realpathSync(installed)) {
    rmSync(link, { force: true });
    return machine.path;
  }
  if (!existsSync(link)) symlinkSync(installed, link);
  return installed;
}

/** The Node that runs npm: the one that runs this file may be the installed one. */
function machineNode() {
  const path = process.env.npm_node_execpath ?? process.execPath;
  const version = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  if (version.status === 0) return { path, version: version.stdout.trim() };
  return { path: process.execPath, version: process.versions.node };
}

/** Builds every workspace that changed. The package.json of a workspace says how it is built; turbo.json, in which order. */
function build() {
  const turbo = spawnSync(
    node,
    [join('node_modules', 'turbo', 'bin', 'turbo'), 'run', 'build', '--output-logs=errors-only', '--ui=stream'],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
        TURBO_TELEMETRY_DISABLED: '1',
        DO_NOT_TRACK: '1',
      },
    },
  );
  if (turbo.status === 0) return;
  // The summary of a successful build is of no interest, so turbo's output is shown only if it failed.
  console.error(`${turbo.stdout ?? ''}${turbo.stderr ?? ''}${turbo.error ?? ''}`);
  fail('The build failed; see its message above.', turbo.status ?? 1);
}

/** Runs a command with this terminal, passes signals on, and ends with its exit code. */
function run(file, rest) {
  const child = spawn(node, [file, ...rest], { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm does not pass on every signal, so the command also stops if npm is gone.
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
