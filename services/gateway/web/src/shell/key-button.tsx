import { useEffect, useRef, useState } from 'preact/hooks';
import { apiKey, keyWanted, setKey } from './session';

/** Opens by itself when the server asks for a key. */
export function KeyButton() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState('');
  const wanted = keyWanted.value;
  useEffect(() => {
    if (wanted && !dialog.current?.open) dialog.current?.showModal();
  }, [wanted]);
  const open = () => {
    setDraft(apiKey.value);
    dialog.current?.showModal();
  };
  const use = (event: Event) => {
    event.preventDefault();
    setKey(draft.trim());
    dialog.current?.close();
  };
  return (
    <>
      <button type="button" class="quiet" onClick={open} aria-haspopup="dialog">
        Key{apiKey.value === '' ? '' : ' ✓'}
      </button>
      <dialog ref={dialog} aria-labelledby="key-title">
        <form onSubmit={use}>
          <h2 id="key-title">API key</h2>
          <p>{wanted ? 'This server needs a key.' : 'Only servers that ask for a key need one.'}</p>
          <label for="key">Key</label>
          <input
            id="key"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={draft}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
          <p class="note">Kept in this tab until it is closed, sent to this server only.</p>
          <div class="row end">
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit">Use key</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
