import type { Logger } from '../../core/logger.ts';

interface Exporting<Items> {
  export(items: Items, done: (result: { code: number; error?: Error }) => void): void;
}

/** The code of an export that has got through, in `ExportResultCode` of the SDK. */
const success = 0;

/** Says once that an exporter does not get through, and once that it does again: what goes wrong every few seconds would fill the log. */
export function toldExport<Items, E extends Exporting<Items>>(exporter: E, what: string, logger: Logger): E {
  const send = exporter.export.bind(exporter);
  let isFailing = false;
  exporter.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== success && !isFailing) {
        logger.warn(
          { err: result.error },
          `${what} could not be exported and are lost; runs are not affected. Further failures are not told until it works again`,
        );
      }
      if (result.code === success && isFailing) logger.info({}, `${what} are exported again`);
      isFailing = result.code !== success;
      done(result);
    });
  return exporter;
}
