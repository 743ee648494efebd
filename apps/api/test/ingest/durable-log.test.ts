/** Rows are durable when the promise resolves, and no part of a row stays if it rejects. */
import { execFile } from 'node:child_process';
import fs, { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, vi } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { durableLog } from '../../src/ingest/durable-log.ts';
import { LogUnavailable, writeDurably } from '../../src/ingest/durable-write.ts';
import { threadedWriter } from '../../src/ingest/log-writer.ts';

const nothing = () => undefined;
const writer = (path: string) => (rows: Uint8Array) => writeDurably({ path, createsFolder: false }, rows);
const source = (name: string) => join(import.meta.dirname, `../../src/ingest/${name}.ts`);
const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []);

describe('the durable log', () => {
  test('writes the rows of many callers, each once', async ({ logPath }) => {
    const log = durableLog(writer(logPath));
    const rows = Array.from({ length: 500 }, (_, i) => `{"n":${i}}`);
    await Promise.all(rows.map((row) => log.append([row, row], nothing)));
    expect(lines(logPath).toSorted()).toEqual(rows.flatMap((row) => [row, row]).toSorted());
  });

  test('appends again if the log is renamed, removed or emptied before the rows are durable', async ({ logPath }) => {
    const log = durableLog(writer(logPath));
    writeFileSync(logPath, 'first\n');
    // Another program rotates the log at the worst moment: after the write, before the check.
    const sync = vi.spyOn(fs, 'fdatasyncSync');
    try {
      sync.mockImplementationOnce(() => {
        renameSync(logPath, `${logPath}.1`);
        writeFileSync(logPath, '');
      });
      await log.append(['renamed'], nothing);
      expect(lines(logPath)).toEqual(['renamed']);
      sync.mockImplementationOnce(() => renameSync(logPath, `${logPath}.2`));
      await log.append(['removed'], nothing);
      expect(lines(logPath)).toEqual(['removed']);
      sync.mockImplementationOnce(() => writeFileSync(logPath, ''));
      await log.append(['emptied'], nothing);
      expect(lines(logPath)).toEqual(['emptied']);
    } finally {
      sync.mockRestore();
    }
  });

  test('leaves no part of a row if the disk is full', async ({ folder }) => {
    const path = join(folder, 'log.jsonl');
    writeFileSync(path, `${'x'.repeat(999)}\n`);
    // The limit of a file's size stops a write in its middle, as a full disk does.
    const script = `
      import { durableLog } from '${source('durable-log')}';
      import { threadedWriter } from '${source('log-writer')}';
      const writer = threadedWriter({ path: process.argv[2], createsFolder: false });
      const log = durableLog(writer.write, { maxWaitingBytes: 1e6, waitMs: 60_000 });
      const settled = [];
      const row = (n) => JSON.stringify({ n, text: 'y'.repeat(2_000) });
      const outcome = await log.append([row(1), row(2)], (is) => settled.push(is)).then(() => 'written', (e) => [e.name, e.message]);
      console.log(JSON.stringify({ outcome, settled }));
    `;
    const file = join(folder, 'append.mjs');
    writeFileSync(file, script);
    const shell = `trap '' XFSZ; ulimit -f 2; exec "$0" "$1" "$2"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, file, path]);
    expect(JSON.parse(stdout)).toEqual({ outcome: ['LogUnavailable', 'EFBIG'], settled: [false] });
    expect(statSync(path).size).toBe(1_000);
  });

  test('does not cut off what another program appended', async ({ folder }) => {
    const path = join(folder, 'log.jsonl');
    writeFileSync(path, 'a\n');
    const write = vi.spyOn(fs, 'writeSync');
    try {
      write.mockImplementationOnce(() => {
        appendFileSync(path, '{"torn":');
        return 8;
      });
      write.mockImplementationOnce(() => {
        appendFileSync(path, 'of another program\n');
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      });
      await expect(durableLog(writer(path)).append(['{"torn":1}'], nothing)).rejects.toThrow(LogUnavailable);
      expect(readFileSync(path, 'utf8')).toBe('a\n{"torn":of another program\n');
    } finally {
      write.mockRestore();
    }
  });

  test('refuses rows beyond its limit at once, and accepts others later', async ({ logPath }) => {
    const log = durableLog(writer(logPath), { maxWaitingBytes: 30, waitMs: 4_000 });
    const first = log.append(['x'.repeat(25)], nothing);
    const settled = vi.fn<(isWritten: boolean) => void>();
    await expect(log.append(['y'.repeat(10)], settled)).rejects.toThrow('too many alerts wait');
    expect(settled.mock.calls).toEqual([[false]]);
    await first;
    await log.append(['y'.repeat(10)], nothing);
    expect(lines(logPath)).toHaveLength(2);
  });

  test('does not let a caller wait for a slow disk, and reports later how it ended', async () => {
    const { promise: disk, resolve } = Promise.withResolvers<void>();
    const { promise: isWritten, resolve: settled } = Promise.withResolvers<boolean>();
    const log = durableLog(() => disk, { maxWaitingBytes: 1_000, waitMs: 20 });
    await expect(log.append(['row'], settled)).rejects.toThrow('the disk is too slow');
    resolve();
    expect(await isWritten).toBe(true);
  });
});

describe('the thread that writes', () => {
  test('writes rows one batch after another, and ends', async ({ logPath }) => {
    const { write, close } = threadedWriter({ path: logPath, createsFolder: false });
    await write(Buffer.from('{"n":1}\n'));
    await write(Buffer.from('{"n":2}\n{"n":3}\n'));
    await close();
    expect(lines(logPath)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  });

  test('reports why the rows are not written, and works again after that', async ({ folder }) => {
    const path = join(folder, 'missing', 'log.jsonl');
    const { write, close } = threadedWriter({ path, createsFolder: false });
    await expect(write(Buffer.from('{"n":1}\n'))).rejects.toThrow(new LogUnavailable('ENOENT'));
    mkdirSync(dirname(path));
    await write(Buffer.from('{"n":2}\n'));
    await close();
    expect(lines(path)).toEqual(['{"n":2}']);
  });
});
