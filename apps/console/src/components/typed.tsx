/** A field for a text that is searched soon after the last key. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Characters of a search that the API takes. */
const MAX_SEARCH = 200;
/** A search of the address, which may be too long for the API. */
export const searchText = (given: string) => given.slice(0, MAX_SEARCH);

/** Time after the last key, ms. */
const TYPING_MS = 300;

type TypedProps = Pick<JSX.IntrinsicElements['input'], 'type' | 'placeholder' | 'list'> & {
  id: string;
  label: string;
  value: string;
  /** @param options.replace true while a person types: no new entry in the browser's history */
  change: (text: string, options?: { replace: boolean }) => void;
  /** Whether it is the search of the page, which a key focuses. */
  isMain?: boolean;
};

export function Typed({ id, label, value, change, isMain = false, ...input }: TypedProps) {
  const [typed, setTyped] = useState(value);
  // Back, a link or a click on a lane changes the value elsewhere.
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => change(typed, { replace: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <form
      class={isMain ? 'field main-search' : 'field'}
      onSubmit={(event) => {
        event.preventDefault();
        change(typed);
      }}
    >
      <label for={id}>{label}</label>
      <input
        {...input}
        id={id}
        {...(isMain && { 'data-search': '', maxLength: MAX_SEARCH })}
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </form>
  );
}
