/** Rows are durable when the promise resolves, and no part of a row stays if it rejects. */
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, type MockInstance, vi } from 'vitest';
import { test } from '../../../../test/support/fixtures.ts';
import { durableLog, LogUnavailable } from '../../src/ingest/durable-log.ts';

const nothing = () => undefined;
const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []);

describe('the durable log', () => {
  test('writes the rows of many callers, each once', async ({ logPath }) => {
    const log = durableLog({ path: logPath, createsFolder: false });
    const rows = Array.from({ length: 500 }, (_, i) => `{"n":${i}}`);
    await Promise.all(rows.map((row) => log.append([row, row], nothing)));
    expect(lines(logPath).toSorted()).toEqual(rows.flatMap((row) => [row, row]).toSorted());
  });

  test('appends again if the log is renamed, removed or emptied before the rows are durable', async ({ logPath }) => {
    const log = durableLog({ path: logPath, createsFolder: false });
    writeFileSync(logPath, 'first\n');
    const handle = await open(logPath);
    const prototype = Object.getPrototypeOf(handle);
    await handle.close();
    // Another program rotates the log at the worst moment: after the write, before the check.
    const datasync: MockInstance<() => Promise<void>> = vi.spyOn(prototype, 'datasync');
    try {
      datasync.mockImplementationOnce(async () => {
        renameSync(logPath, `${logPath}.1`);
        writeFileSync(logPath, '');
      });
      await log.append(['renamed'], nothing);
      expect(lines(logPath)).toEqual(['renamed']);
      datasync.mockImplementationOnce(async () => renameSync(logPath, `${logPath}.2`));
      await log.append(['removed'], nothing);
      expect(lines(logPath)).toEqual(['removed']);
      datasync.mockImplementationOnce(async () => writeFileSync(logPath, ''));
      await log.append(['emptied'], nothing);
      expect(lines(logPath)).toEqual(['emptied']);
    } finally {
      datasync.mockRestore();
    }
  });

  test('leaves no part of a row if the disk is full', async ({ folder }) => {
    const path = join(folder, 'log.jsonl');
    writeFileSync(path, `${'x'.repeat(999)}\n`);
    // The limit of a file's size stops a write in its middle, as a full disk does.
    const script = `
      import { durableLog } from '${join(import.meta.dirname, '../../src/ingest/durable-log.ts')}';
      const log = durableLog({ path: process.argv[1], createsFolder: false });
      const settled = [];
      const row = (n) => JSON.stringify({ n, text: 'y'.repeat(2_000) });
      const outcome = await log.append([row(1), row(2)], (is) => settled.push(is)).then(() => 'written', (e) => [e.name, e.isNotWritten]);
      console.log(JSON.stringify({ outcome, settled }));
    `;
    const shell = `trap '' XFSZ; ulimit -f 2; exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, script, path]);
    expect(JSON.parse(stdout)).toEqual({ outcome: ['LogUnavailable', true], settled: [false] });
    expect(statSync(path).size).toBe(1_000);
  });

  test('does not cut off what another program appended', async ({ folder }) => {
    const path = join(folder, 'log.jsonl');
    writeFileSync(path, 'a\n');
    const handle = await open(path);
    const prototype = Object.getPrototypeOf(handle);
    await handle.close();
    const write: MockInstance<() => Promise<{ bytesWritten: number }>> = vi.spyOn(prototype, 'write');
    try {
      write.mockImplementationOnce(async () => {
        appendFileSync(path, '{"torn":');
        return { bytesWritten: 8 };
      });
      write.mockImplementationOnce(async () => {
        appendFileSync(path, 'of another program\n');
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      });
      await expect(durableLog({ path, createsFolder: false }).append(['{"torn":1}'], nothing)).rejects.toThrow(
        LogUnavailable,
      );
      expect(readFileSync(path, 'utf8')).toBe('a\n{"torn":of another program\n');
    } finally {
      write.mockRestore();
    }
  });

  test('refuses rows beyond its limit at once, and accepts others later', async ({ logPath }) => {
    const log = durableLog({ path: logPath, createsFolder: false }, { maxWaitingBytes: 30, waitMs: 4_000 });
    const first = log.append(['x'.repeat(25)], nothing);
    const settled = vi.fn<(isWritten: boolean) => void>();
    await expect(log.append(['y'.repeat(10)], settled)).rejects.toThrow('too many alerts wait');
    expect(settled.mock.calls).toEqual([[false]]);
    await first;
    await log.append(['y'.repeat(10)], nothing);
    expect(lines(logPath)).toHaveLength(2);
  });

  test('does not let a caller wait for a slow disk, and reports later how it ended', async ({ logPath }) => {
    writeFileSync(logPath, '');
    const handle = await open(logPath);
    const prototype = Object.getPrototypeOf(handle);
    await handle.close();
    const { promise: disk, resolve } = Promise.withResolvers<void>();
    const datasync: MockInstance<() => Promise<void>> = vi.spyOn(prototype, 'datasync');
    datasync.mockImplementationOnce(() => disk);
    try {
      const { promise: isWritten, resolve: settled } = Promise.withResolvers<boolean>();
      const log = durableLog({ path: logPath, createsFolder: false }, { maxWaitingBytes: 1_000, waitMs: 20 });
      const error: unknown = await log.append(['row'], settled).catch((fault: unknown) => fault);
      expect(error).toMatchObject({ name: 'LogUnavailable', isNotWritten: false });
      resolve();
      expect(await isWritten).toBe(true);
    } finally {
      datasync.mockRestore();
    }
  });
});
