/** The rotation by the tailer itself: each state in which a kill can leave it, and files that must not be removed. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { NOWHERE, type Position } from '@kora-wake/shared/store/position';
import { describe, expect } from 'vitest';
import { append, test, testLog } from '../../../../test/support/fixtures.ts';
import { endOf } from '../../src/log/resume.ts';
import { rotatorOf } from '../../src/log/rotate.ts';
import { following, row } from './following.ts';

const MAX_BYTES = 100;
const ours = async () => true;

function rotating(path: string) {
  const log = testLog();
  return { log, rotate: rotatorOf({ path, maxBytes: MAX_BYTES, log: log.logger }) };
}

const large = (name: string) => `${row(name)}\n${' '.repeat(MAX_BYTES)}\n`;
const names = (path: string) => readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
const contents = (path: string) =>
  names(path).map((name) => readFileSync(join(dirname(path), name), 'utf8').split('\n')[0]);

/** The position after everything was read. */
async function readAll(path: string): Promise<{ seen: string[]; position: Position }> {
  const { all, position } = following(path);
  return { seen: await all(), position: position() };
}

describe('the log', () => {
  test('is renamed once it is large and read to its end, and created with the same mode', async ({ logPath }) => {
    const { rotate, log } = rotating(logPath);
    writeFileSync(logPath, row('small') + '\n');
    chmodSync(logPath, 0o664);
    await rotate(await endOf(logPath), ours);
    append(logPath, ' '.repeat(MAX_BYTES));
    await rotate({ ...(await endOf(logPath)), files: [] }, ours);
    const end = await endOf(logPath);
    append(logPath, row('unread'));
    await rotate(end, ours);
    expect(names(logPath)).toEqual([basename(logPath)]);
    await rotate(await endOf(logPath), async () => false);
    expect(names(logPath)).toEqual([basename(logPath)]);
    await rotate(await endOf(logPath), ours);
    await log.until('log.rotated');
    expect(contents(logPath)).toEqual(['', row('small')]);
    expect(statSync(logPath).mode & 0o777).toBe(0o664);
  });

  test('that is a link is rotated next to its target', async ({ folder, logPath }) => {
    mkdirSync(join(folder, 'target'));
    const target = join(folder, 'target', 'log.jsonl');
    writeFileSync(target, large('a'));
    symlinkSync(target, logPath);
    await rotating(logPath).rotate(await endOf(logPath), ours);
    expect(names(target)).toEqual(['log.jsonl', 'log.jsonl.1']);
    expect(readFileSync(logPath, 'utf8')).toBe('');
  });

  test('that cannot be rotated is reported once', async ({ folder }) => {
    const path = join(folder, 'x', 'log.jsonl');
    mkdirSync(join(folder, 'x'));
    writeFileSync(path, large('a'));
    const end = await endOf(path);
    const { rotate, log } = rotating(path);
    const fails = async () => Promise.reject(new Error('no'));
    await rotate(end, fails);
    await rotate(end, fails);
    expect(log.lines.filter(({ event }) => event === 'log.rotation_failed')).toHaveLength(1);
  });
});

/** The names after each step of a rotation of `log`, `log.1` and `log.2`; `new` is the created log. */
const KILLED = [
  ['before the first step', { '': 'c', '.1': 'b', '.2': 'a' }],
  ['after a file was moved', { '': 'c', '.1': 'b', '.3': 'a' }],
  ['after all files were moved', { '': 'c', '.2': 'b', '.3': 'a' }],
  ['after the rename', { '.1': 'c', '.2': 'b', '.3': 'a' }],
] as const;

test.for(KILLED)(
  'a tailer killed %s leaves a log that the next one rotates and reads',
  async ([_step, files], { logPath }) => {
    for (const [ending, name] of Object.entries(files).toReversed()) writeFileSync(logPath + ending, large(name));
    const { rotate } = rotating(logPath);
    await rotate((await readAll(logPath)).position, ours);
    expect(new Set(contents(logPath))).toEqual(new Set(['', row('a'), row('b'), row('c')]));
    expect(existsSync(`${logPath}.1`)).toBe(true);
    append(logPath, row('d'));
    expect((await readAll(logPath)).seen).toEqual(['a', 'b', 'c', 'd'].map(row));
  },
);

describe('old files', () => {
  test('beyond the newest five are removed, but not before their end is committed', async ({ logPath }) => {
    for (let n = 1; n <= 7; n++) writeFileSync(`${logPath}.${8 - n}`, large(`old ${n}`));
    writeFileSync(logPath, row('live') + '\n');
    const { rotate } = rotating(logPath);
    await rotate(NOWHERE, ours);
    expect(names(logPath)).toHaveLength(8);
    const log = following(logPath);
    await log.all();
    await rotate(log.position(), ours);
    expect(names(logPath)).toHaveLength(8);
    log.time.now = 20_000;
    await log.all();
    await rotate(log.position(), ours);
    expect(names(logPath)).toEqual(['', '.1', '.2', '.3', '.4', '.5'].map((ending) => basename(logPath) + ending));
    expect(contents(logPath)).toEqual([7, 6, 5, 4, 3].map((n) => row(`old ${n}`)).toSpliced(0, 0, row('live')));
  });

  test('keep late rows: a writer that still has the renamed log open loses none', async ({ logPath }) => {
    const log = following(logPath);
    writeFileSync(logPath, large('first'));
    expect(await log.all()).toEqual([row('first')]);
    await rotating(logPath).rotate(log.position(), ours);
    append(`${logPath}.1`, row('late'));
    append(logPath, row('next'));
    expect(await log.all()).toEqual([row('late'), row('next')]);
    renameSync(`${logPath}.1`, `${logPath}.2`);
    append(`${logPath}.2`, row('later'));
    expect(await log.all()).toEqual([row('later')]);
  });
});
