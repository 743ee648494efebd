/** One timer for every time on the page. It updates each second while the page is visible. */
import { useEffect, useState } from 'preact/hooks';
import { serverNow } from './api/client.ts';

const listeners = new Set<() => void>();

function tick(): void {
  if (document.visibilityState === 'visible') for (const listener of listeners) listener();
}

export function startClock(): void {
  setInterval(tick, 1_000);
  document.addEventListener('visibilitychange', tick);
}

/** The server's time in ms, updated each second. */
export function useNow(): number {
  const [now, set] = useState(serverNow);
  useEffect(() => {
    const listener = () => set(serverNow());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return now;
}
