/** Writes wake rows as a probe does, and rotates the log in all ways that operators use. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../apps/cli/src/random.ts';
import type { WrittenRecovery, WrittenRow } from './history.ts';

const PAIRS = ['fly', 'vercel', 'supabase'].flatMap((probe) =>
  ['service_unhealthy', 'deploy:failed'].map((category) => ({ probe, category })),
);
/** Pairs that fail together. */
const HOSTS = Array.from({ length: 20 }, (_, i) => ({ probe: `host-${i}`, category: 'unreachable' }));
const HOUR_MS = 3_600_000;

interface NewRow extends Pick<WrittenRow, 'marker' | 'kind' | 'pair' | 'critical'> {
  line: string;
}

export class Writer {
  readonly rows: WrittenRow[] = [];
  readonly recoveries: WrittenRecovery[] = [];
  readonly emptied: Array<{ inode: string; at: number }> = [];
  readonly path: string;
  /** True while an operation needs the log for itself. */
  busy = false;
  #random: Random;
  #file: number;
  #hasBursts: boolean;
  #count = 0;
  #rotated = 0;
  #folders = 0;

  /** @param hasBursts whether rows of many pairs are written at once */
  constructor(path: string, random: Random, hasBursts: boolean) {
    this.path = path;
    this.#hasBursts = hasBursts;
    this.#random = random;
    this.#file = openSync(path, 'a+');
  }

  inode(): string {
    return String(fstatSync(this.#file, { bigint: true }).ino);
  }

  size(): number {
    return fstatSync(this.#file).size;
  }

  /** Writes one line as probes do; most lines are wake rows. */
  randomLine(): void {
    if (this.busy) return;
    const dice = this.#random.between(1, 100);
    if (this.#hasBursts && dice > 98) return this.#burst();
    if (dice <= 70) this.row();
    else if (dice <= 80) this.recovery();
    else if (dice <= 84) this.row({ kind: 'old' });
    else if (dice <= 86) this.row({ kind: 'malformed' });
    else if (dice <= 90) this.row({ ending: '\r\n' });
    else if (dice <= 93) this.twice();
    else this.noise();
  }

  /** Writes rows of many pairs at once. */
  #burst(): void {
    for (const pair of HOSTS.slice(this.#random.between(0, 10)))
      this.#write(this.#file, this.#makeRow('wake', pair), '\n');
  }

  row(options: { kind?: WrittenRow['kind']; ending?: string } = {}): void {
    const made = this.#makeRow(options.kind ?? 'wake');
    this.#write(this.#file, made, options.ending ?? '\n');
  }

  /** Writes the same line twice: two wakes. */
  twice(): void {
    const made = this.#makeRow('wake');
    this.#write(this.#file, made, '\n');
    this.#write(this.#file, made, '\n');
  }

  /** Writes that a pair has recovered: as a whole, or one of its instances. */
  recovery(): void {
    const { probe, category } = this.#random.of([PAIRS[0] ?? { probe: '', category: '' }, ...PAIRS]);
    const instance = this.#instance();
    const details = { probe, category, ...(instance !== undefined && { instance }) };
    const emittedAt = new Date().toISOString();
    writeSync(this.#file, `${JSON.stringify({ emitted_at: emittedAt, seam: 'probe.recovered', details })}\n`);
    this.recoveries.push({ pair: `${probe} ${category}`, at: Date.now() });
  }

  #instance(): string | undefined {
    return this.#random.of([undefined, undefined, 'm1', 'm2']);
  }

  noise(): void {
    const line = this.#random.of<string | Buffer>([
      '\n\n\r\n',
      '{"seam":"probe.wake_requested","details":\n',
      '{"seam":"probe.recovered","details":\n',
      '{"seam":"probe.checked","details":{}}\n',
      Buffer.from([0, 0, 0xff, 0xfe, 0x0a]),
      `{"seam":"probe.wake_requested","details":{"detail":"${'x'.repeat(1_200_000)}"}}\n`,
    ]);
    writeSync(this.#file, Buffer.from(line));
  }

  /** Writes a row in two halves and runs `between` in the middle. If `slowly`, it writes the second half byte by byte. */
  async halves(slowly: boolean, between: () => Promise<void> = async () => sleep(1_500)): Promise<void> {
    await this.#alone(async () => {
      const made = this.#makeRow('wake');
      const bytes = Buffer.from(`${made.line}\n`);
      const offset = this.size();
      const middle = Math.floor(bytes.length / 2);
      writeSync(this.#file, bytes.subarray(0, middle));
      await between();
      for (let i = middle; i < bytes.length; i += slowly ? 1 : bytes.length) {
        writeSync(this.#file, bytes.subarray(i, slowly ? i + 1 : bytes.length));
        if (slowly && i % 20 === 0) await sleep(5);
      }
      this.#record(made, bytes.subarray(0, -1), offset);
    });
  }

  /** Renames the log and creates a new one. Writes to the old descriptor for `rotateWaitMs` more. */
  async rename(rotateWaitMs: number): Promise<void> {
    const old = this.#file;
    renameSync(this.path, this.#nextName());
    this.#file = openSync(this.path, 'a+');
    const until = performance.now() + rotateWaitMs;
    while (performance.now() < until) {
      this.#write(old, this.#makeRow('wake'), '\n');
      await sleep(300);
    }
    closeSync(old);
  }

  /** Points the link in the log's path to a new folder, as a deploy does. Writes to the old log for `lateMs` more. */
  async relink(lateMs: number): Promise<void> {
    const old = this.#file;
    const link = dirname(this.path);
    const target = `${link}-${++this.#folders}`;
    mkdirSync(target);
    symlinkSync(target, `${target}.link`);
    renameSync(`${target}.link`, link);
    this.#file = openSync(this.path, 'a+');
    const until = performance.now() + lateMs;
    while (performance.now() < until) {
      this.#write(old, this.#makeRow('wake'), '\n');
      await sleep(300);
    }
    closeSync(old);
  }

  /** Renames the log in the middle of a row. The rest of the row goes to the old file. */
  async renameInRow(): Promise<void> {
    const old = this.#file;
    const inode = this.inode();
    await this.halves(false, async () => {
      renameSync(this.path, this.#nextName());
      await sleep(500);
    });
    if (this.inode() !== inode) throw new Error('the writer lost its file');
    this.#file = openSync(this.path, 'a+');
    closeSync(old);
  }

  copytruncate(): void {
    copyFileSync(this.path, this.#nextName());
    this.#empty();
  }

  /** Truncates the log and writes rows up to the old size or past it. All old rows must be decided. */
  truncate(how: 'shorter' | 'same size' | 'past'): void {
    const size = this.size();
    this.#empty();
    if (how === 'shorter') return;
    if (how === 'past') while (this.size() <= size && this.size() < 200_000) this.row();
    else {
      this.row();
      const left = size - this.size();
      if (left > 0) writeSync(this.#file, `${' '.repeat(left - 1)}\n`);
    }
  }

  /** Deletes the log and creates a new one. All old rows must be decided. */
  recreate(): void {
    rmSync(this.path);
    closeSync(this.#file);
    this.#file = openSync(this.path, 'a+');
  }

  /** Runs `work` while nothing else writes. */
  async #alone(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await work();
    } finally {
      this.busy = false;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #empty(): void {
    this.emptied.push({ inode: this.inode(), at: Date.now() });
    ftruncateSync(this.#file, 0);
  }

  #nextName(): string {
    for (;;) {
      const name = `${this.path}.${++this.#rotated}`;
      if (!existsSync(name)) return name;
    }
  }

  #makeRow(
    kind: WrittenRow['kind'],
    pair = this.#random.of([PAIRS[0] ?? { probe: '', category: '' }, ...PAIRS]),
  ): NewRow {
    const marker = `row-${++this.#count}`;
    const { probe, category } = pair;
    const severity = this.#random.between(1, 100) <= 3 ? 'critical' : 'warning';
    const instance = this.#instance();
    const details = {
      probe,
      ...(instance !== undefined && { instance }),
      severity,
      category,
      title: `${marker} is down – “größer”`,
      detail: 'The probe saw it fail.',
      snapshot_details: { filler: 'ü'.repeat(this.#random.between(0, 200)) },
      envelope_enabled: false,
      envelope_fix_name: '(none)',
    };
    const line = JSON.stringify({
      emitted_at: new Date(Date.now() - (kind === 'old' ? 2 * HOUR_MS : 0)).toISOString(),
      seam: 'probe.wake_requested',
      details: kind === 'malformed' ? marker : details,
      caller_session_id: null,
      source: null,
    });
    return { marker, line, kind, pair: `${probe} ${category}`, critical: severity === 'critical' };
  }

  #write(file: number, made: NewRow, ending: string): void {
    const bytes = Buffer.from(made.line + ending);
    writeSync(file, bytes);
    const offset = fstatSync(file).size - bytes.length;
    const read = Buffer.alloc(bytes.length);
    readSync(file, read, 0, read.length, offset);
    if (!read.equals(bytes)) throw new Error('a row is not at the offset of its write');
    this.#record(made, bytes.subarray(0, -1), offset);
  }

  #record({ marker, kind, pair, critical }: NewRow, line: Buffer, offset: number): void {
    const hash = createHash('sha256').update(line).update(`\n${offset}`).digest('hex').slice(0, 32);
    this.rows.push({ id: `w-${hash}`, marker, kind, pair, critical, at: Date.now() });
  }
}
