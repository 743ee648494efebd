/** Keys for the whole console, and the button and the dialog that list them. */
import { useEffect, useRef } from 'preact/hooks';
import { storedChoice } from './stored-choice.ts';

/** People who dictate or have a tremor must be able to switch all keys off (WCAG 2.1.4). */
const keys = storedChoice('keys', ['on', 'off']);

const HELP = [
  ['/', 'Search'],
  ['j', 'Next entry'],
  ['k', 'Previous entry'],
  ['Enter', 'Open it'],
  ['?', 'This list'],
];

/** The first link of each entry of a list or a table. */
const ENTRIES = 'li a.subject, tbody a.subject';

export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null);
  const state = keys.use();
  useEffect(() => {
    const act = (event: KeyboardEvent) => {
      if (isTyping(event) || keys.get() === 'off') return;
      if (event.key === '?') dialog.current?.showModal();
      else if (event.key === '/') search();
      else if (event.key === 'j') move(1);
      else if (event.key === 'k') move(-1);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', act);
    return () => removeEventListener('keydown', act);
  }, []);
  return (
    <>
      <button type="button" class="quiet keys" onClick={() => dialog.current?.showModal()}>
        Keys
      </button>
      <dialog ref={dialog} class="shortcuts" aria-labelledby="shortcuts">
        <h2 id="shortcuts">Keys</h2>
        <dl>
          {HELP.map(([key, effect]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{effect}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit">Close</button>
          <button type="button" class="quiet" onClick={() => keys.set(state === 'on' ? 'off' : 'on')}>
            {state === 'on' ? 'Switch keys off' : 'Switch keys on'}
          </button>
        </form>
      </dialog>
    </>
  );
}

function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  const isField = target instanceof Element && target.matches('input, textarea, select, dialog *');
  return ctrlKey || metaKey || altKey || isField;
}

function search(): void {
  const field = document.querySelector<HTMLInputElement>('[data-search]');
  if (field) field.focus();
  else location.hash = '#/investigations';
}

function move(by: 1 | -1): void {
  const entries = [...document.querySelectorAll<HTMLAnchorElement>(ENTRIES)];
  const at = entries.findIndex((entry) => entry === document.activeElement);
  const next = at === -1 ? entries[by === 1 ? 0 : entries.length - 1] : entries[at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
