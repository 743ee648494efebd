/**
 * Preloaded into an app. Shifts its wall clock by the number of ms in the file CLOCK_AHEAD_FILE. The monotonic clock
 * stays as it is, as when a person sets the time.
 */
import { readFileSync } from 'node:fs';

const RealDate = Date;
let ahead = 0;
setInterval(() => {
  ahead = Number(readFileSync(process.env.CLOCK_AHEAD_FILE ?? '', 'utf8'));
}, 20).unref();

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + ahead);
    else super(...args);
  }
  static now() {
    return RealDate.now() + ahead;
  }
};
