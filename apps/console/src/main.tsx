// oxlint-disable-next-line import/no-unassigned-import -- it configures zod before the contract loads
import './api/configure-zod.ts';

import { render } from 'preact';
import { startReading } from './api/live-events.ts';
import { Console } from './app.tsx';
import { startClock } from './clock.ts';
import { startSavingPositions } from './scroll-position.ts';
import { markInvisibleText } from './visible-text.ts';

markInvisibleText();
startSavingPositions();
const container = document.getElementById('console');
if (container) {
  container.replaceChildren();
  render(<Console />, container);
}
startReading();
startClock();
