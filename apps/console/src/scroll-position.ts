/** Keeps the scroll position of a page in the browser's history: Back and a reload return to it, and a new page begins at its top. */
import { useLayoutEffect } from 'preact/hooks';

/** Browsers refuse more than about three changes of the history each second. */
const SAVE_MS = 350;
/** Time in which a page grows to its height, ms. */
const GROW_MS = 3_000;

function savedTop(): number | undefined {
  const { state } = history;
  const hasTop = typeof state === 'object' && state !== null && 'top' in state && typeof state.top === 'number';
  return hasTop ? state.top : undefined;
}

const save = () => history.replaceState({ top: scrollY }, '');

/** Call it once, before the console renders. */
export function startSavingPositions(): void {
  history.scrollRestoration = 'manual';
  let timer: ReturnType<typeof setTimeout> | undefined;
  addEventListener('scroll', () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      save();
    }, SAVE_MS);
  });
  addEventListener('hashchange', () => {
    clearTimeout(timer);
    timer = undefined;
  });
  // A click may leave the page before the timer saves the position.
  addEventListener('click', save, { capture: true });
}

/** @param page the position is restored each time that this name changes */
export function useScrollPosition(page: string): void {
  useLayoutEffect(() => {
    const top = savedTop() ?? 0;
    scrollTo(0, top);
    if (scrollY >= top - 1) return undefined;
    // The page has not loaded everything yet.
    const observer = new ResizeObserver(() => {
      scrollTo(0, top);
      if (scrollY >= top - 1) observer.disconnect();
    });
    observer.observe(document.body);
    const stop = () => observer.disconnect();
    const timer = setTimeout(stop, GROW_MS);
    for (const type of ['wheel', 'touchstart', 'keydown']) addEventListener(type, stop, { once: true });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [page]);
}
