import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { count } from '../format.ts';

/**
 * The first entries of a list, and a button that shows all of them. The button is null for a short list.
 *
 * @param total number of entries that exist, if it can be more than `all` has
 */
export function useShowMore<T>(all: T[], few: number, noun: string, total = all.length): [T[], ComponentChildren] {
  const [open, setOpen] = useState(false);
  const button =
    all.length > few ? (
      <button type="button" class="more" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open
          ? `Show the first ${few}`
          : `Show ${total > all.length ? `${all.length} of` : 'all'} ${count(total)} ${noun}`}
      </button>
    ) : null;
  return [open ? all : all.slice(0, few), button];
}

/** The first entries of a long list, and a button that shows as many more. The button is null at its end. */
export function useShowSteps<T>(all: T[], step: number, noun: string): [T[], ComponentChildren] {
  const [shown, setShown] = useState(step);
  const left = all.length - shown;
  const button =
    left > 0 ? (
      <button type="button" class="more" onClick={() => setShown(shown + step)}>
        Show {count(Math.min(step, left))} more of {count(left)} {noun}
      </button>
    ) : null;
  return [all.slice(0, shown), button];
}
