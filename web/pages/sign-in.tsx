import { useState } from 'preact/hooks';
import { PageTitle } from '../parts/layout.tsx';
import { signIn, useSession } from '../state/session.ts';

/** In the place of every page, where the server asks for a key. */
export function SignInPage() {
  const { signIn: why } = useSession();
  const [key, setKey] = useState('');
  return (
    <div class="narrow">
      <PageTitle title="Sign in" />
      <form
        class="box"
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() !== '') signIn(key.trim());
        }}
      >
        <p id="sign-in-why" role={why === 'refused' ? 'alert' : undefined} class={why === 'refused' ? 'problem' : ''}>
          {why === 'refused'
            ? 'The server does not take this key: it is unknown, or it has expired.'
            : 'This server shows what it knows to those with a key.'}
        </p>
        <label for="api-key">API key</label>
        <input
          id="api-key"
          type="password"
          autocomplete="off"
          aria-describedby="sign-in-why sign-in-hint"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <p class="hint" id="sign-in-hint">
          Whoever runs the server makes one with <code>errand keys create</code>. An access token of Entra ID, or a key
          of the function app, is taken where the server takes them. It is kept in this tab, until you close it.
        </p>
        <div class="actions">
          <button type="submit" class="primary" disabled={key.trim() === ''}>
            Sign in
          </button>
        </div>
      </form>
    </div>
  );
}
