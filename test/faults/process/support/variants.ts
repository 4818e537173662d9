import type { Context } from '../../../../src/core/context.ts';
import { noCompareAndSwap, noRecovery } from '../../../promise/broken-parts.ts';

export const variantNames = [
  /** Nobody looks after what a dead process left. */
  'noRecovery',
  /** Writes whatever the stored version is. */
  'noCompareAndSwap',
  /** A write that the storage refused is taken for done. */
  'errorsSwallowed',
  /** An idempotency key is forgotten at once. */
  'keysForgotten',
] as const;
export type VariantName = (typeof variantNames)[number];

/** Takes one of the things away that Errand's promises rest on. */
export function breakErrand(variant: VariantName, context: Context): Context {
  return variants[variant](context);
}

const variants: Record<VariantName, (context: Context) => Context> = {
  noRecovery,
  noCompareAndSwap,

  errorsSwallowed: (context) => {
    const { storage } = context;
    return {
      ...context,
      storage: {
        ...storage,
        createRun: (run, options) => storage.createRun(run, options).catch(() => true),
        claimKey: (key, options) => storage.claimKey(key, options).catch(() => key),
      },
    };
  },

  /** The pause is for a death between the record and its answer. */
  keysForgotten: (context) => {
    const { storage, clock } = context;
    return {
      ...context,
      storage: {
        ...storage,
        getKey: () => Promise.resolve(undefined),
        claimKey: (key) => Promise.resolve(key),
        createRun: async (run, options) => {
          const created = await storage.createRun(run, options);
          await clock.sleep(300);
          return created;
        },
      },
    };
  },
};
