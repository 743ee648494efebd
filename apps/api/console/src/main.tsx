import { render } from 'preact';
import { Console } from './app.tsx';
import { startClock } from './clock.ts';
import { startPolling } from './data.ts';

const place = document.getElementById('console');
if (place) {
  place.replaceChildren();
  render(<Console />, place);
}
startPolling();
startClock();
