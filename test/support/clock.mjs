/**
 * Loaded into an app before its own code: its wall clock then runs ahead of the machine's by as many ms as the file
 * CLOCK_AHEAD_FILE says. The steady clock stays as it is, as when a person sets the time.
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
