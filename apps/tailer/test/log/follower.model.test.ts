/**
 * Compares the follower with an exact model: in random histories of a log and its rotation, every row must be seen exactly
 * once, whatever happened between two polls. Vector tests its file source in the same way.
 *
 * fast-check prints the seed and the shrunk history of a failure. Add such a history to `KEPT`.
 */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NOWHERE, type Position } from '@kora-wake/shared/store/position';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { testLog } from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { type Follower, followLog } from '../../src/log/follower.ts';
import { type Kept, keeping } from '../collecting.ts';

const ROTATE_WAIT_MS = 10_000;

type Step =
  | { do: 'append'; rows: number; size: number }
  | { do: 'partial'; part: number }
  | { do: 'backup'; later: boolean }
  | {
      do:
        | 'rename'
        | 'copytruncate'
        | 'copyahead'
        | 'truncate'
        | 'delete'
        | 'late'
        | 'look'
        | 'peek'
        | 'restart'
        | 'wait';
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      rows: fc.integer({ min: 1, max: 4 }),
      size: fc.oneof(fc.nat(40), fc.nat(3_000), fc.nat(300_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('partial' as const), part: fc.nat(80) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'rename' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'copytruncate' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'truncate' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('backup' as const), later: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'copyahead' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'delete' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'late' as const }) },
  { weight: 5, arbitrary: fc.constant({ do: 'look' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'peek' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' as const }) },
);

/** One log with its writer, its rotation, and a follower that may restart. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'kora-wake-model-'));
  readonly path = join(this.folder, 'log.jsonl');
  /** By row: `must` be seen, or `may` be seen, since its file was destroyed before the follower read it. */
  readonly written = new Map<string, 'must' | 'may'>();
  readonly seen: string[] = [];
  clock = 0;
  private serial = 0;
  private writer = openSync(this.path, 'a');
  /** The writer's descriptor of the file before the last rename, while the writer may still append to it. */
  private left: number | undefined;
  private pending: { id: string; rest: string } | undefined;
  private backedUp = false;
  /** Rows in the live file that the follower has not read. */
  private unread: string[] = [];
  private position: Position = NOWHERE;
  private follower: Follower<Kept> = this.follow();

  private follow(): Follower<Kept> {
    return followLog({
      path: this.path,
      start: this.position,
      seams: ['wake'],
      collect: keeping,
      rotateWaitMs: ROTATE_WAIT_MS,
      clock: () => this.clock,
      log: testLog().logger,
    });
  }

  private row(size: number): { id: string; text: string } {
    const id = `row-${this.serial++}`;
    return { id, text: JSON.stringify({ seam: 'wake', id, pad: 'x'.repeat(size), end: id }) };
  }

  private put(fd: number, id: string, text: string): void {
    writeSync(fd, text);
    this.written.set(id, 'must');
    this.unread.push(id);
  }

  private finishPending(fd: number): void {
    if (!this.pending) return;
    this.put(fd, this.pending.id, this.pending.rest);
    this.pending = undefined;
  }

  private shift(): void {
    for (let i = 9; i >= 1; i--)
      if (existsSync(`${this.path}.${i}`)) renameSync(`${this.path}.${i}`, `${this.path}.${i + 1}`);
  }

  /** Unread rows of a destroyed file may or may not have been seen. */
  private lose(): void {
    for (const id of this.unread) this.written.set(id, 'may');
    this.unread = [];
    if (this.pending) this.written.set(this.pending.id, 'may');
    this.pending = undefined;
  }

  /** Removes a copy that has the same birthtime as the original. */
  private sameAge(path: string, birthtimeNs: bigint): boolean {
    const same = statSync(path, { bigint: true }).birthtimeNs === birthtimeNs;
    if (same) unlinkSync(path);
    return same;
  }

  /**
   * Once a log is gone, its backup looks like a rotated file. If the follower restarts before it reads, it sees the rows of
   * the backup again, with the same ids. So it must read first.
   */
  private async lookIfBackedUp(): Promise<void> {
    if (this.backedUp) await this.look();
  }

  private reopen(): void {
    if (this.left !== undefined) closeSync(this.left);
    this.left = this.writer;
    this.writer = openSync(this.path, 'a');
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'append': {
        this.finishPending(this.writer);
        for (let i = 0; i < step.rows; i++) {
          const { id, text } = this.row(step.size);
          this.put(this.writer, id, `${text}\n`);
        }
        return;
      }
      case 'partial': {
        this.finishPending(this.writer);
        const { id, text } = this.row(20);
        // No two files may start with the same bytes, so each part of a torn row still has the id of the row.
        const part = Math.min(step.part, text.length - `${id}"}`.length);
        writeSync(this.writer, text.slice(0, part));
        this.pending = { id, rest: `${text.slice(part)}\n` };
        return;
      }
      case 'rename': {
        this.shift();
        renameSync(this.path, `${this.path}.1`);
        const old = this.writer;
        this.reopen();
        // A writer finishes its line in the file in which it started it.
        this.finishPending(old);
        this.unread = [];
        return;
      }
      case 'late': {
        if (this.left === undefined) return;
        const { id, text } = this.row(30);
        writeSync(this.left, `${text}\n`);
        this.written.set(id, 'must');
        return;
      }
      case 'copytruncate': {
        this.shift();
        copyFileSync(this.path, `${this.path}.1`);
        truncateSync(this.path);
        this.unread = [];
        // The line is torn: both halves are on disk, but not as one row.
        if (this.pending) {
          this.written.set(this.pending.id, 'may');
          appendFileSync(this.path, this.pending.rest);
          this.pending = undefined;
        }
        return;
      }
      case 'backup': {
        const copy = `${this.path}.bak${this.serial++}`;
        const { birthtimeNs } = statSync(this.path, { bigint: true });
        // The file system's clock ticks every few milliseconds, so two files can have the same birthtime.
        do copyFileSync(this.path, copy);
        while (step.later && this.sameAge(copy, birthtimeNs));
        this.backedUp = true;
        return;
      }
      case 'copyahead': {
        // The follower reads a row that is written between the copy and the truncation.
        this.finishPending(this.writer);
        this.shift();
        copyFileSync(this.path, `${this.path}.1`);
        const { id, text } = this.row(20);
        this.put(this.writer, id, `${text}\n`);
        await this.look();
        truncateSync(this.path);
        this.unread = [];
        // It must read before it restarts, since it recognizes the copy by bytes that are only in its memory.
        return this.look();
      }
      case 'truncate': {
        truncateSync(this.path);
        this.lose();
        return this.lookIfBackedUp();
      }
      case 'delete': {
        unlinkSync(this.path);
        this.lose();
        const old = this.writer;
        this.writer = openSync(this.path, 'a');
        closeSync(old);
        return this.lookIfBackedUp();
      }
      case 'look':
        return this.look();
      case 'peek': {
        await this.follower.read();
        return;
      }
      case 'restart': {
        await this.follower.close();
        this.follower = this.follow();
        // The new follower finds its files before the writer can append more.
        return this.look();
      }
      case 'wait': {
        await this.look();
        this.clock += ROTATE_WAIT_MS;
        if (this.left !== undefined) closeSync(this.left);
        this.left = undefined;
        return this.look();
      }
    }
  }

  private async look(): Promise<void> {
    for (let batch = await this.follower.read(); batch; batch = await this.follower.read()) {
      for (const { text } of batch.found.lines) this.note(text);
      this.follower.accept(batch);
      this.position = batch.to;
    }
    this.unread = [];
  }

  /** A torn line is seen as well, but it is not a row. */
  private note(line: string): void {
    try {
      this.seen.push(JSON.parse(line).id);
    } catch {
      // half a line
    }
  }

  async finish(): Promise<void> {
    this.finishPending(this.writer);
    await this.run({ do: 'wait' });
    await this.run({ do: 'wait' });
  }

  async close(): Promise<void> {
    await this.follower.close();
    closeSync(this.writer);
    if (this.left !== undefined) closeSync(this.left);
    rmSync(this.folder, { recursive: true });
  }
}

async function everyRowOnce(steps: Step[]): Promise<void> {
  const world = new World();
  try {
    for (const one of steps) await world.run(one);
    await world.finish();
    const must = [...world.written].filter(([, expectation]) => expectation === 'must').map(([id]) => id);
    expect(
      must.filter((id) => !world.seen.includes(id)),
      'lost',
    ).toEqual([]);
    expect(
      world.seen.filter((id, i) => world.seen.indexOf(id) !== i),
      'seen twice',
    ).toEqual([]);
    expect(
      world.seen.filter((id) => !world.written.has(id)),
      'never written',
    ).toEqual([]);
  } finally {
    await world.close();
  }
}

/** Histories that once failed. */
const one: Step = { do: 'append', rows: 1, size: 0 };
const KEPT: Array<[name: string, Step[]]> = [
  ['rotated before the first look', [one, { do: 'rename' }]],
  ['copied and truncated between a read and its commit', [one, { do: 'peek' }, { do: 'copytruncate' }]],
  ['copied and truncated before anything was read', [{ do: 'restart' }, one, { do: 'copytruncate' }]],
  [
    'quiet for long, then rotated, then written to by a late writer',
    [{ do: 'wait' }, { do: 'rename' }, { do: 'look' }, { do: 'late' }],
  ],
  [
    'a copy that was read before is not read again after a rename',
    [one, { do: 'copytruncate' }, { do: 'restart' }, { do: 'rename' }, { do: 'restart' }],
  ],
  [
    'read after it was copied, truncated and written to, and then truncated again',
    [one, { do: 'look' }, { do: 'copytruncate' }, one, { do: 'look' }, { do: 'truncate' }],
  ],
  [
    'copied and truncated, written to again, and renamed twice, all while down',
    [one, { do: 'restart' }, { do: 'copytruncate' }, one, { do: 'rename' }, { do: 'rename' }, { do: 'restart' }],
  ],
  [
    'backed up and renamed before the first look, then written to by a late writer',
    [one, { do: 'backup', later: true }, { do: 'rename' }, { do: 'look' }, { do: 'late' }],
  ],
  [
    'backed up, while it is as young as its copy, and renamed before the first look, then written to by a late writer',
    [one, { do: 'backup', later: false }, { do: 'rename' }, { do: 'look' }, { do: 'late' }],
  ],
];

test.each(KEPT)('kept: %s', async (_name, steps) => everyRowOnce(steps));

test('every row of every history is seen exactly once', async () => {
  await assertBounded(fc.asyncProperty(fc.array(step, { maxLength: 30 }), everyRowOnce), 'histories of a log', 1_000);
}, 180_000);
