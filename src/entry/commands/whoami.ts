import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { connect } from './connect.ts';

export const whoamiCommand = command({
  name: 'whoami',
  about: 'Shows whose key this is, and what it may do.',
  options: {},
  examples: [{ line: 'errand whoami', about: 'Name and scopes of the key in ERRAND_API_KEY' }],
  run: async (_, io) => {
    const who = await connect(io).whoami();
    if (io.json) await io.record(who);
    else {
      await io.line(`${io.style.bold(who.name)} may ${who.scopes.length === 0 ? 'nothing' : who.scopes.join(', ')}`);
      if (who.tasks !== undefined) await io.line(`only for ${who.tasks.join(', ')}`);
    }
    return exitCodes.done;
  },
});
