import { useState } from 'preact/hooks';

/** Finds windows by a part of their probe or category, if more are open than one page of the API has. */
export function WindowSearch({ part, find }: { part: string; find: (part: string) => void }) {
  const [typed, setTyped] = useState(part);
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        find(typed);
      }}
    >
      <label for="window-name">Name</label>
      <input
        id="window-name"
        autocomplete="off"
        spellcheck={false}
        placeholder="part of a probe or category"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit">Find</button>
      {part !== '' && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            setTyped('');
            find('');
          }}
        >
          All windows
        </button>
      )}
    </form>
  );
}
