import { render } from 'preact';
import { Console } from './app.tsx';
import { startClock } from './clock.ts';
import { startReading } from './data.ts';

const place = document.getElementById('console');
if (place) {
  place.replaceChildren();
  render(<Console />, place);
}
startReading();
startClock();
