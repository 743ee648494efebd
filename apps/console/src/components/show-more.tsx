import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** The first entries of a list, and a button that shows all of them. The button is null for a short list. */
export function useShowMore<T>(all: T[], few: number, noun: string): [T[], ComponentChildren] {
  const [open, setOpen] = useState(false);
  const button =
    all.length > few ? (
      <button type="button" class="more" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? `Show the first ${few}` : `Show all ${all.length} ${noun}`}
      </button>
    ) : null;
  return [open ? all : all.slice(0, few), button];
}
