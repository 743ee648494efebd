/** One tick a second for everything on the page that tells time; none while nobody looks. */
import { useEffect, useState } from 'preact/hooks';
import { serverNow } from './data.ts';

const listeners = new Set<() => void>();

function tick(): void {
  if (document.visibilityState === 'visible') for (const listener of listeners) listener();
}

export function startClock(): void {
  setInterval(tick, 1_000);
  document.addEventListener('visibilitychange', tick);
}

/** The server's time, ms, anew each second. */
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
