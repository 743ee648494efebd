/**
 * Tries regular expressions of the operator against hostile text. Texts of rows come from outside, so a pattern whose time grows
 * faster than the text would let a planted row stop an app.
 */
import { Worker } from 'node:worker_threads';
import { hostileTexts } from './hostile-texts.ts';

/** A pattern in linear time needs some milliseconds; one in quadratic time needs a minute, ms. */
const TRIAL_MS = 3_000;
/** Characters: about the size of the longest text of a row. */
const TEXT_LENGTH = 262_144;

const DONE = 1;

/** Runs in a thread of its own, because nothing else can interrupt a regular expression. */
const TRIAL = `
const { workerData: { source, flags, texts, signal } } = require('node:worker_threads');
const pattern = new RegExp(source, flags);
for (const text of texts) text.replace(pattern, '');
Atomics.store(signal, 0, ${DONE});
Atomics.notify(signal, 0);
`;

/**
 * Blocks for at most three seconds.
 *
 * @returns false if the pattern takes too long on a text that is hostile to it
 */
export function isFastOnHostileText(pattern: RegExp): boolean {
  const texts = hostileTexts(pattern, TEXT_LENGTH);
  const signal = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const { source, flags } = pattern;
  const thread = new Worker(TRIAL, {
    eval: true,
    workerData: { source, flags, texts, signal },
    stdout: true,
    stderr: true,
  });
  // A text may overflow the stack of the regular expression. Then the signal is missing, too.
  thread.on('error', () => undefined);
  thread.unref();
  Atomics.wait(signal, 0, 0, TRIAL_MS);
  void thread.terminate();
  return Atomics.load(signal, 0) === DONE;
}
