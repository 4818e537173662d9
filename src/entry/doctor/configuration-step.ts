import { fail, messageOf, ok, type Step } from './finding.ts';

const name = 'configuration';

export function configurationStep(what: string): Step {
  return { name, look: async () => [ok(what)] };
}

/** Nothing else can be looked at then: where it is, nobody knows. */
export function unreadable(error: unknown): Step {
  return {
    name,
    look: async () => [fail(messageOf(error), 'Nothing else was looked at: mend this first, then run it again.')],
  };
}
