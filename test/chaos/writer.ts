/** A probe that writes wake rows, and an operator who rotates its log in every way there is. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../apps/cli/src/random.ts';
import type { WrittenRow } from './history.ts';

const PAIRS = ['fly', 'vercel', 'supabase'].flatMap((probe) =>
  ['service_unhealthy', 'deploy:failed'].map((category) => ({ probe, category })),
);
const HOUR_MS = 3_600_000;

interface Made extends Pick<WrittenRow, 'marker' | 'kind' | 'pair' | 'critical'> {
  line: string;
}

export class Writer {
  readonly rows: WrittenRow[] = [];
  readonly emptied: Array<{ inode: string; at: number }> = [];
  readonly path: string;
  /** While an operation is going on, nobody else writes. */
  busy = false;
  #random: Random;
  #file: number;
  #count = 0;
  #rotated = 0;

  constructor(path: string, random: Random) {
    this.path = path;
    this.#random = random;
    this.#file = openSync(path, 'a+');
  }

  inode(): string {
    return String(fstatSync(this.#file, { bigint: true }).ino);
  }

  size(): number {
    return fstatSync(this.#file).size;
  }

  /** Writes what probes write, most of it wakes. */
  something(): void {
    if (this.busy) return;
    const dice = this.#random.between(1, 100);
    if (dice <= 80) this.row();
    else if (dice <= 84) this.row({ kind: 'stale' });
    else if (dice <= 86) this.row({ kind: 'malformed' });
    else if (dice <= 90) this.row({ ending: '\r\n' });
    else if (dice <= 93) this.twice();
    else this.noise();
  }

  row(options: { kind?: WrittenRow['kind']; ending?: string } = {}): void {
    const made = this.#make(options.kind ?? 'wake');
    this.#put(this.#file, made, options.ending ?? '\n');
  }

  /** The same line, twice: two wakes. */
  twice(): void {
    const made = this.#make('wake');
    this.#put(this.#file, made, '\n');
    this.#put(this.#file, made, '\n');
  }

  noise(): void {
    const line = this.#random.of<string | Buffer>([
      '\n\n\r\n',
      '{"seam":"probe.wake_requested","details":\n',
      '{"seam":"probe.checked","details":{}}\n',
      Buffer.from([0, 0, 0xff, 0xfe, 0x0a]),
      `{"seam":"probe.wake_requested","details":{"detail":"${'x'.repeat(1_200_000)}"}}\n`,
    ]);
    writeSync(this.#file, Buffer.from(line));
  }

  /** A row in two halves, with something in between; a byte at a time where `slowly`. */
  async halves(slowly: boolean, between: () => Promise<void> = async () => sleep(1_500)): Promise<void> {
    await this.#alone(async () => {
      const made = this.#make('wake');
      const bytes = Buffer.from(`${made.line}\n`);
      const offset = this.size();
      const middle = Math.floor(bytes.length / 2);
      writeSync(this.#file, bytes.subarray(0, middle));
      await between();
      for (let i = middle; i < bytes.length; i += slowly ? 1 : bytes.length) {
        writeSync(this.#file, bytes.subarray(i, slowly ? i + 1 : bytes.length));
        if (slowly && i % 20 === 0) await sleep(5);
      }
      this.#note(made, bytes.subarray(0, -1), offset);
    });
  }

  /** Rename and create; the old descriptor is written to for a while longer. */
  async rename(rotateWaitMs: number): Promise<void> {
    const old = this.#file;
    renameSync(this.path, this.#nextName());
    this.#file = openSync(this.path, 'a+');
    const until = performance.now() + rotateWaitMs;
    while (performance.now() < until) {
      this.#put(old, this.#make('wake'), '\n');
      await sleep(300);
    }
    closeSync(old);
  }

  /** A rename in the middle of a row: the rest of it goes to the old file. */
  async renameInRow(): Promise<void> {
    const old = this.#file;
    const inode = this.inode();
    await this.halves(false, async () => {
      renameSync(this.path, this.#nextName());
      await sleep(500);
    });
    if (this.inode() !== inode) throw new Error('the writer has lost its file');
    this.#file = openSync(this.path, 'a+');
    closeSync(old);
  }

  copytruncate(): void {
    copyFileSync(this.path, this.#nextName());
    this.#empty();
  }

  /** Empties the log, and fills it again with rows up to, at least, or past where it was. Only where all of it is decided. */
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

  /** Deletes the log and makes a new one. Only where all of it is decided. */
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

  #make(kind: WrittenRow['kind']): Made {
    const marker = `row-${++this.#count}`;
    const { probe, category } = this.#random.of([PAIRS[0] ?? { probe: '', category: '' }, ...PAIRS]);
    const severity = this.#random.between(1, 100) <= 3 ? 'critical' : 'warning';
    const details = {
      probe,
      severity,
      category,
      title: `${marker} is down – “größer”`,
      detail: 'The probe saw it fail.',
      snapshot_details: { filler: 'ü'.repeat(this.#random.between(0, 200)) },
      envelope_enabled: false,
      envelope_fix_name: '(none)',
    };
    const line = JSON.stringify({
      emitted_at: new Date(Date.now() - (kind === 'stale' ? 2 * HOUR_MS : 0)).toISOString(),
      seam: 'probe.wake_requested',
      details: kind === 'malformed' ? marker : details,
      caller_session_id: null,
      source: null,
    });
    return { marker, line, kind, pair: `${probe} ${category}`, critical: severity === 'critical' };
  }

  #put(file: number, made: Made, ending: string): void {
    const bytes = Buffer.from(made.line + ending);
    writeSync(file, bytes);
    const offset = fstatSync(file).size - bytes.length;
    const there = Buffer.alloc(bytes.length);
    readSync(file, there, 0, there.length, offset);
    if (!there.equals(bytes)) throw new Error('a row is not where it was written');
    this.#note(made, bytes.subarray(0, -1), offset);
  }

  #note({ marker, kind, pair, critical }: Made, line: Buffer, offset: number): void {
    const hash = createHash('sha256').update(line).update(`\n${offset}`).digest('hex').slice(0, 32);
    this.rows.push({ id: `w-${hash}`, marker, kind, pair, critical, at: Date.now() });
  }
}
