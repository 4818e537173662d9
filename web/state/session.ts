import { createClient, type Client } from '../../src/client/client.ts';
import { store, useStore } from './store.ts';

interface Session {
  client: Client;
  hasKey: boolean;
  /** The server asks for a key: none was shown, or one that it does not take. */
  signIn?: 'missing' | 'refused';
}

/** Of this tab alone, and gone with it. */
const keyName = 'errand.key';

/** Whether the server answered when it was last asked. */
export const reachable = store(true);

const session = store(begin(sessionStorage.getItem(keyName) ?? undefined));

function begin(apiKey: string | undefined): Session {
  const client = createClient({
    url: location.origin,
    apiKey,
    fetch: async (input, init) => {
      let response: Response;
      try {
        response = await fetch(input, init);
      } catch (error) {
        if (init?.signal?.aborted !== true) reachable.set(false);
        throw error;
      }
      reachable.set(true);
      const current = session.get();
      // A key may expire while somebody looks; what an earlier one is answered no longer matters.
      if (response.status === 401 && current.client === client)
        session.set({ ...current, signIn: apiKey === undefined ? 'missing' : 'refused' });
      return response;
    },
  });
  return { client, hasKey: apiKey !== undefined };
}

export function useSession(): Session {
  return useStore(session);
}

export function useClient(): Client {
  return useSession().client;
}

export function currentClient(): Client {
  return session.get().client;
}

/** Tells when another key is used from here on. */
export function onSession(callback: () => void): () => void {
  return session.subscribe(callback);
}

/** What no header can hold, a dash or an ellipsis that came with the pasting, is no key of any kind. */
const sendable = /^[\x21-\x7e]+$/;

export function signIn(apiKey: string): void {
  if (!sendable.test(apiKey)) {
    session.set({ ...session.get(), signIn: 'refused' });
    return;
  }
  sessionStorage.setItem(keyName, apiKey);
  session.set(begin(apiKey));
}

export function signOut(): void {
  sessionStorage.removeItem(keyName);
  session.set({ ...begin(undefined), signIn: 'missing' });
}
