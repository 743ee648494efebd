import { expect, test } from 'vitest';
import { sleep, unlessAborted, withTimeLimit } from '../../src/runtime/async.ts';

const never = new Promise<never>(() => undefined);

test('sleep passes its time, or ends at once if the signal aborts', async () => {
  expect(await sleep(1)).toBe(true);
  const stop = new AbortController();
  const sleeping = sleep(60_000, stop.signal);
  stop.abort();
  expect(await sleeping).toBe(false);
  expect(await sleep(60_000, stop.signal)).toBe(false);
});

test('a time limit gives the value, or says that it is late', async () => {
  expect(await withTimeLimit(Promise.resolve('value'), 60_000)).toEqual({ inTime: true, value: 'value' });
  expect(await withTimeLimit(never, 1)).toEqual({ inTime: false });
  expect(await withTimeLimit(never, 60_000, AbortSignal.abort())).toEqual({ inTime: false });
});

test('a time limit rejects as the work does', async () => {
  await expect(withTimeLimit(Promise.reject(new Error('failed')), 60_000)).rejects.toThrow('failed');
});

test('work that cannot be cancelled is left when the signal aborts', async () => {
  const stop = new AbortController();
  expect(await unlessAborted(() => Promise.resolve('value'), stop.signal)).toBe('value');
  const waiting = unlessAborted(() => never, stop.signal);
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  let started = false;
  const start = () => {
    started = true;
    return never;
  };
  await expect(unlessAborted(start, stop.signal)).rejects.toThrow('stopped');
  expect(started).toBe(false);
});
