import { useState } from 'preact/hooks';

/** Finds the windows of one probe if more windows are open than one page of the API holds. */
export function WindowSearch({ probe, find }: { probe: string; find: (probe: string) => void }) {
  const [typed, setTyped] = useState(probe);
  return (
    <form
      class="filter"
      onSubmit={(event) => {
        event.preventDefault();
        find(typed);
      }}
    >
      <label for="window-probe">Probe</label>
      <input
        id="window-probe"
        autocomplete="off"
        spellcheck={false}
        placeholder="all probes"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="submit">Find</button>
      {probe !== '' && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            setTyped('');
            find('');
          }}
        >
          All probes
        </button>
      )}
    </form>
  );
}
