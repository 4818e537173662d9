import type { RunnerAccess } from '../../../src/core/ports/artifact-store.ts';
import type { DriverName } from './crash-case.ts';

export const matrixDrivers = ['process', 'docker', 'azure-container-instances'] as const;
const storages = ['sqlite', 'azure-tables'] as const;
const stores = ['filesystem', 'azure-blobs'] as const;

type MatrixDriver = (typeof matrixDrivers)[number];

/** One way to put Errand together, and whether it is crashed: by this script and as this driver of a case, or why not. */
export type Cell = {
  driver: MatrixDriver;
  storage: (typeof storages)[number];
  store: (typeof stores)[number];
} & ({ as: DriverName; script: string } | { why: string });

/** How runners reach their exchange: what the drivers can do, in any composition, and what the artifact stores hand out. */
export const reach: Readonly<Record<MatrixDriver, readonly RunnerAccess['kind'][]>> = {
  process: ['directory'],
  docker: ['directory', 'signedUrls'],
  'azure-container-instances': ['signedUrls'],
};
const handedOut = { filesystem: 'directory', 'azure-blobs': 'signedUrls' } as const;
const inWords = { directory: 'a directory', signedUrls: 'signed URLs' } as const;

/** Storage and artifact store as Errand is shipped with them: on one machine, and on Azure. */
export const compositions = [
  { storage: 'sqlite', store: 'filesystem', drivers: { process: 'process', docker: 'docker' } },
  {
    storage: 'azure-tables',
    store: 'azure-blobs',
    drivers: { docker: 'dockerAzure', 'azure-container-instances': 'azure' },
  },
] as const satisfies readonly {
  storage: Cell['storage'];
  store: Cell['store'];
  drivers: Partial<Record<MatrixDriver, DriverName>>;
}[];

const scripts: Readonly<Record<DriverName, string>> = {
  process: 'npm run test:crash',
  docker: 'npm run test:crash',
  dockerAzure: 'npm run test:crash:azure',
  azure: 'npm run test:crash:azure',
};

/** All combinations of a driver, a storage and an artifact store. */
export function matrix(): Cell[] {
  return matrixDrivers.flatMap((driver) =>
    storages.flatMap((storage) =>
      stores.map((store) => ({ driver, storage, store, ...fateOf(driver, storage, store) })),
    ),
  );
}

function fateOf(
  driver: MatrixDriver,
  storage: Cell['storage'],
  store: Cell['store'],
): { as: DriverName; script: string } | { why: string } {
  const way = handedOut[store];
  if (!reach[driver].includes(way))
    return { why: `cannot be: ${store} hands out ${inWords[way]}, and ${driver} takes ${theirs(driver)} alone` };
  const composition = compositions.find((each) => each.storage === storage && each.store === store);
  const drivers: Partial<Record<MatrixDriver, DriverName>> = composition?.drivers ?? {};
  const as = drivers[driver];
  if (as === undefined)
    return { why: `cannot be: nothing composes ${storage} with ${store}; records and files lie in one place` };
  return { as, script: scripts[as] };
}

function theirs(driver: MatrixDriver): string {
  return reach[driver].map((kind) => inWords[kind]).join(' or ');
}

/** The whole matrix; `figures` says what this run of the harness has seen of a cell. */
export function matrixLines(figures: ReadonlyMap<DriverName, string>): string[] {
  const rows = matrix().map((cell) => {
    const fate = 'why' in cell ? cell.why : (figures.get(cell.as) ?? `not part of this run: ${cell.script}`);
    return `  ${cell.driver.padEnd(26)}${cell.storage.padEnd(14)}${cell.store.padEnd(13)}${fate}`;
  });
  return ['matrix: driver, storage, artifact store', ...rows];
}
