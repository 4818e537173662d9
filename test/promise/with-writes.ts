import type { Context } from '../../src/core/context.ts';
import type { RunRecord } from '../../src/core/run-record.ts';
import type { Write } from './evidence.ts';

/** Notes every write of a record that the storage has confirmed, right above it: whatever becomes of its answer on the way to the core. */
export function withWrites(context: Context, note: (write: Write) => void): Context {
  const { storage } = context;
  const noteOf = ({ id, version, state, open }: RunRecord): void => note({ id, version, state, open });
  return {
    ...context,
    storage: {
      ...storage,
      createRun: async (run, options) => {
        const created = await storage.createRun(run, options);
        if (created) noteOf(run);
        return created;
      },
      updateRun: async (run, options) => {
        const updated = await storage.updateRun(run, options);
        if (updated) noteOf(run);
        return updated;
      },
    },
  };
}
