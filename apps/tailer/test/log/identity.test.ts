/** A log is its configured path; a file is its content. Links, devices, inodes and folders may change. */
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encodePosition, type Position } from '@kora-wake/shared/store/position';
import { describe, expect } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { endOf } from '../../src/log/resume.ts';
import { following, row } from './following.ts';

const ROTATE_WAIT_MS = 10_000;
const lines = (...names: string[]) => names.map((name) => `${row(name)}\n`).join('');

/** The log as it is after a reboot, on NFS, or in a moved pod: with other device numbers, inodes and birthtimes. */
function withOtherIdentity({ files, ...more }: Position): Position {
  return { ...more, files: files.map((state) => ({ ...state, device: '9', inode: '8', birthtime: '7' })) };
}

/** Writes a file that is younger than another: the clock of the file system ticks only every few milliseconds. */
function writeYounger(path: string, text: string, older: string): void {
  const bornAt = (file: string) => statSync(file, { bigint: true }).birthtimeNs;
  do {
    rmSync(path, { force: true });
    writeFileSync(path, text);
  } while (bornAt(path) <= bornAt(older));
}

/** Reads everything, finishes rotated files, and returns the position. */
async function positionAfter({ all, time, position }: ReturnType<typeof following>): Promise<Position> {
  await all();
  time.now += ROTATE_WAIT_MS;
  await all();
  return position();
}

/** `current` points to a release, and the log is in the release's folder. */
function releases(folder: string) {
  const log = (n: number) => join(folder, `releases/${n}/log.jsonl`);
  for (const n of [1, 2, 3]) mkdirSync(join(folder, `releases/${n}`), { recursive: true });
  const deploy = (n: number) => {
    rmSync(join(folder, 'current'), { force: true });
    symlinkSync(`releases/${n}`, join(folder, 'current'));
  };
  deploy(1);
  return { path: join(folder, 'current/log.jsonl'), log, deploy };
}

describe('a link in the path of the log', () => {
  test('may change while the log is followed: the old target is finished, the new one read from its start', async ({
    folder,
  }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), lines('a'));
    const { all } = following(path);
    expect(await all()).toEqual([row('a')]);
    appendFileSync(log(1), lines('b'));
    deploy(2);
    writeFileSync(log(2), lines('c'));
    expect(await all()).toEqual([row('b'), row('c')]);
    appendFileSync(log(1), lines('late'));
    appendFileSync(log(2), lines('d'));
    expect(await all()).toEqual([row('late'), row('d')]);
  });

  test('may change while no tailer runs', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), lines('a'));
    const position = await positionAfter(following(path));
    appendFileSync(log(1), lines('b'));
    deploy(2);
    writeFileSync(log(2), lines('c'));
    const later = following(path, position);
    expect(await later.all()).toEqual([row('b'), row('c')]);
    expect(later.log.lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  test('may point to an earlier target again: only its new rows are read', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), lines('a'));
    const first = following(path);
    await first.all();
    deploy(2);
    writeFileSync(log(2), lines('b'));
    await positionAfter(first);
    deploy(1);
    appendFileSync(log(1), lines('c'));
    expect(await first.all()).toEqual([row('c')]);
    const position = await positionAfter(first);
    deploy(2);
    appendFileSync(log(2), lines('d'));
    expect(await following(path, position).all()).toEqual([row('d')]);
  });

  test('may point to a folder with a copy of the log and of its rotated files', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(`${log(1)}.1`, lines('old'));
    writeFileSync(log(1), lines('a'.repeat(1_100)));
    const { all } = following(path, await endOf(path));
    appendFileSync(log(1), lines('b'));
    expect(await all()).toEqual([row('b')]);
    cpSync(join(folder, 'releases/1'), join(folder, 'releases/2'), { recursive: true });
    deploy(2);
    appendFileSync(log(2), lines('c'));
    expect(await all()).toEqual([row('c')]);
  });
});

describe('a log that was moved and linked back', () => {
  test('loses no row, and reads none twice', async ({ folder, logPath }) => {
    const moved = join(folder, 'data.jsonl');
    writeFileSync(logPath, lines('a'));
    const { all, time } = following(logPath);
    await all();
    renameSync(logPath, moved);
    appendFileSync(moved, lines('b'));
    writeFileSync(logPath, lines('interim'));
    expect(await all()).toEqual([row('b'), row('interim')]);
    time.now += ROTATE_WAIT_MS;
    await all();
    appendFileSync(moved, lines('c'));
    rmSync(logPath);
    symlinkSync(moved, logPath);
    expect(await all()).toEqual([row('c')]);
  });

  test('goes on in the middle of a line', async ({ folder, logPath }) => {
    const moved = join(folder, 'data.jsonl');
    const half = row('b').slice(0, 20);
    writeFileSync(logPath, lines('a') + half);
    const follower = following(logPath);
    expect(await follower.all()).toEqual([row('a')]);
    copyFileSync(logPath, moved);
    rmSync(logPath);
    symlinkSync(moved, logPath);
    expect(await follower.all()).toEqual([]);
    appendFileSync(moved, `${row('b').slice(20)}\n${lines('c')}`);
    expect(await follower.all()).toEqual([row('b'), row('c')]);
    expect(await following(logPath, await positionAfter(follower)).all()).toEqual([]);
  });

  test('keeps the rows that its writer still appends to the old file', async ({ folder, logPath }) => {
    const moved = join(folder, 'data.jsonl');
    writeFileSync(logPath, lines('a'));
    const { all } = following(logPath);
    await all();
    renameSync(logPath, `${logPath}.moved`);
    copyFileSync(`${logPath}.moved`, moved);
    symlinkSync(moved, logPath);
    appendFileSync(`${logPath}.moved`, lines('late'));
    appendFileSync(moved, lines('b'));
    expect(await all()).toEqual([row('late'), row('b')]);
  });

  test('is not read again if the copy is older than the last read', async ({ folder, logPath }) => {
    const moved = join(folder, 'data.jsonl');
    writeFileSync(logPath, lines('a'));
    const { all } = following(logPath);
    copyFileSync(logPath, moved);
    appendFileSync(logPath, lines('b'));
    expect(await all()).toEqual([row('a'), row('b')]);
    rmSync(logPath);
    appendFileSync(moved, lines('c'));
    symlinkSync(moved, logPath);
    expect(await all()).toEqual([row('c')]);
  });
});

describe('another device number', () => {
  test('does not make a log a new one', async ({ logPath }) => {
    writeFileSync(logPath, lines('a', 'b'));
    const position = await positionAfter(following(logPath));
    appendFileSync(logPath, lines('c'));
    const later = following(logPath, withOtherIdentity(position));
    expect(await later.all()).toEqual([row('c')]);
    expect(later.log.lines.filter(({ event }) => event === 'log.file_lost')).toEqual([]);
  });

  test('does not make finished rotated files new ones, also after the next rotation', async ({ logPath, folder }) => {
    writeFileSync(logPath, lines('a'));
    const first = following(logPath);
    await first.all();
    renameSync(logPath, `${logPath}.1`);
    writeFileSync(logPath, lines('b'));
    const position = await positionAfter(first);
    // A restored folder: each file is a new one, and the rotated file is younger than the log.
    const restored = join(folder, 'restored');
    mkdirSync(restored);
    copyFileSync(logPath, join(restored, 'log.jsonl'));
    copyFileSync(`${logPath}.1`, join(restored, 'log.jsonl.1'));
    const later = following(join(restored, 'log.jsonl'), withOtherIdentity(position));
    appendFileSync(join(restored, 'log.jsonl'), lines('c'));
    expect(await later.all()).toEqual([row('c')]);
    renameSync(join(restored, 'log.jsonl.1'), join(restored, 'log.jsonl.2'));
    renameSync(join(restored, 'log.jsonl'), join(restored, 'log.jsonl.1'));
    writeFileSync(join(restored, 'log.jsonl'), lines('d'));
    expect(await later.all()).toEqual([row('d')]);
  });

  test('and a rotation while no tailer runs lose no row', async ({ logPath }) => {
    writeFileSync(logPath, lines('a'));
    const position = await positionAfter(following(logPath));
    appendFileSync(logPath, lines('b'));
    renameSync(logPath, `${logPath}.1`);
    writeFileSync(logPath, lines('c'));
    expect(await following(logPath, withOtherIdentity(position)).all()).toEqual([row('b'), row('c')]);
  });
});

describe('rotation into another folder', () => {
  test('while no tailer runs: the rest of the file, and files rotated after it, are read there', async ({
    folder,
    logPath,
  }) => {
    const olddir = join(folder, 'old');
    mkdirSync(olddir);
    writeFileSync(join(olddir, 'kora_audit_log.jsonl.3'), lines('ancient'));
    writeYounger(logPath, lines('a'), join(olddir, 'kora_audit_log.jsonl.3'));
    const position = await positionAfter(following(logPath));
    appendFileSync(logPath, lines('b'));
    renameSync(logPath, join(olddir, 'kora_audit_log.jsonl.2'));
    writeFileSync(logPath, lines('c'));
    renameSync(logPath, join(olddir, 'kora_audit_log.jsonl.1'));
    writeFileSync(logPath, lines('d'));
    const later = following(logPath, position);
    expect(await later.all()).toEqual([row('b'), row('c'), row('d')]);
    expect(await following(logPath, await positionAfter(later)).all()).toEqual([]);
  });
});

describe('files that begin with the same line', () => {
  const header = '{"seam":"log.started"}\n';

  test.for(['while the log is followed', 'while no tailer runs'])(
    'lose no row in a rotation %s',
    async (when, { logPath }) => {
      writeFileSync(logPath, header);
      const first = following(logPath);
      await first.all();
      appendFileSync(logPath, lines('a'));
      renameSync(logPath, `${logPath}.2`);
      writeFileSync(logPath, header + lines('b'));
      renameSync(logPath, `${logPath}.1`);
      writeFileSync(logPath, header + lines('c'));
      const { all } = when === 'while the log is followed' ? first : following(logPath, first.position());
      expect(await all()).toEqual([row('a'), row('b'), row('c')]);
    },
  );
});

describe('alerts that differ only in their times', () => {
  const alert = (hour: number) =>
    `{"emitted_at":"2026-11-26T1${hour}:00:00Z","seam":"probe.wake_requested","name":"${'m1 stopped, '.repeat(100)}"}`;

  test.for(['renamed', 'copied and truncated', 'renamed twice while no tailer ran'])(
    'are all read if the log is %s',
    async (how, { logPath }) => {
      writeFileSync(logPath, `${alert(1)}\n`);
      const first = following(logPath);
      expect(await first.all()).toEqual([alert(1)]);
      if (how === 'copied and truncated') {
        copyFileSync(logPath, `${logPath}.1`);
        truncateSync(logPath);
        appendFileSync(logPath, `${alert(2)}\n`);
        expect(await first.all()).toEqual([alert(2)]);
        return;
      }
      renameSync(logPath, `${logPath}.2`);
      writeFileSync(logPath, `${alert(2)}\n`);
      if (how === 'renamed') {
        expect(await first.all()).toEqual([alert(2)]);
        return;
      }
      renameSync(logPath, `${logPath}.1`);
      writeFileSync(logPath, `${alert(3)}\n`);
      expect(await following(logPath, first.position()).all()).toEqual([alert(2), alert(3)]);
    },
  );
});

describe('a restart right after a change', () => {
  test('of a link to a new target keeps the late rows of the old one', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), lines('a'));
    const first = following(path);
    await first.all();
    writeFileSync(log(2), lines('b'));
    deploy(2);
    expect(await first.all()).toEqual([row('b')]);
    appendFileSync(log(1), lines('late'));
    expect(await following(path, first.position()).all()).toEqual([row('late')]);
  });

  test('of a link back to an earlier target reads no row again', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), lines('a'));
    const first = following(path);
    await first.all();
    writeFileSync(log(2), lines('b'));
    deploy(2);
    await first.all();
    deploy(1);
    appendFileSync(log(1), lines('c'));
    expect(await following(path, first.position()).all()).toEqual([row('c')]);
  });

  test('of a link whose old target was still empty reads the rows of both', async ({ folder }) => {
    const { path, log, deploy } = releases(folder);
    writeFileSync(log(1), '');
    const first = following(path);
    await first.all();
    appendFileSync(log(1), lines('a'));
    writeFileSync(log(2), lines('b'));
    deploy(2);
    expect(await following(path, first.position()).all()).toEqual([row('a'), row('b')]);
  });

  test('of a moved log opens the log once', async ({ folder, logPath }) => {
    const moved = join(folder, 'data.jsonl');
    writeFileSync(logPath, lines('a'));
    const first = following(logPath);
    await first.all();
    copyFileSync(logPath, moved);
    rmSync(logPath);
    symlinkSync(moved, logPath);
    await first.all();
    const second = following(logPath, first.position());
    await second.all();
    appendFileSync(moved, lines('b'));
    expect(await second.all()).toEqual([row('b')]);
  });
});

test('a file that was found in another folder is not read again and again', async ({ folder, logPath }) => {
  const old = (n: number) => join(folder, `old/kora_audit_log.jsonl.${n}`);
  mkdirSync(join(folder, 'old'));
  writeFileSync(logPath, lines('a'));
  const before = following(logPath);
  await before.all();
  copyFileSync(logPath, old(2));
  truncateSync(logPath);
  await before.all();
  appendFileSync(logPath, lines('b'));
  await before.all();
  appendFileSync(logPath, lines('c'));
  copyFileSync(logPath, old(1));
  truncateSync(logPath);
  const { all, time } = following(logPath, before.position());
  const perPeriod: number[] = [];
  for (let i = 0; i < 4; i++) {
    perPeriod.push((await all()).length);
    time.now += ROTATE_WAIT_MS;
  }
  expect(perPeriod.slice(1)).toEqual([0, 0, 0]);
});

test('a log that is a link is followed through a rotation of its target', async ({ folder, logPath }) => {
  const target = join(folder, 'data/log.jsonl');
  mkdirSync(join(folder, 'data'));
  writeFileSync(target, lines('a'));
  symlinkSync(target, logPath);
  const { all } = following(logPath);
  expect(await all()).toEqual([row('a')]);
  appendFileSync(target, lines('b'));
  copyFileSync(target, `${target}.1`);
  truncateSync(target);
  appendFileSync(target, lines('c'));
  expect(await all()).toEqual([row('b'), row('c')]);
});

test('a second move by copy reads no row again', async ({ folder, logPath }) => {
  const relink = (target: string) => {
    rmSync(logPath);
    symlinkSync(target, logPath);
  };
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  writeFileSync(logPath, lines('a'));
  const first = following(logPath);
  await first.all();
  copyFileSync(logPath, one);
  relink(one);
  await positionAfter(first);
  appendFileSync(one, lines('b', 'c', 'd'));
  await first.all();
  copyFileSync(one, two);
  relink(two);
  appendFileSync(one, lines('e'));
  appendFileSync(two, lines('f'));
  expect(await first.all()).toEqual([row('e'), row('f')]);
});

test.runIf(process.getuid?.() === 0)(
  'an unreadable folder beside the log does not stop the tailer',
  async ({ folder, logPath }) => {
    mkdirSync(join(folder, 'private'));
    writeFileSync(logPath, lines('a'));
    const first = following(logPath);
    await first.all();
    chmodSync(join(folder, 'private'), 0);
    chmodSync(folder, 0o755);
    rmSync(logPath);
    writeFileSync(logPath, lines('b'));
    process.seteuid?.(65_534);
    try {
      expect(await following(logPath, first.position()).all()).toEqual([row('b')]);
    } finally {
      process.seteuid?.(0);
    }
  },
);

describe('thousands of rotated files', () => {
  test('stay finished with a small position', async ({ logPath }) => {
    for (let i = 0; i < 500; i++) writeFileSync(`${logPath}.${i}`, lines(`${i}`));
    writeFileSync(logPath, lines('a'));
    const start = await endOf(logPath);
    expect(encodePosition(start).length).toBeLessThan(4_000);
    const first = following(logPath, start);
    renameSync(logPath, `${logPath}.500`);
    writeFileSync(logPath, lines('b'));
    expect(await first.all()).toEqual([row('b')]);
    const position = await positionAfter(first);
    expect(encodePosition(position).length).toBeLessThan(5_000);
    renameSync(logPath, `${logPath}.501`);
    writeFileSync(logPath, lines('c'));
    expect(await following(logPath, position).all()).toEqual([row('c')]);
  });
});
