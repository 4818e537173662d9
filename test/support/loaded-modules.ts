import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Preloaded by `node --import`: writes down the address of every module that is loaded, in the file that LOADED_MODULES names. */
const file = process.env['LOADED_MODULES'];
if (file === undefined) throw new Error('LOADED_MODULES names no file');
registerHooks({
  load: (url, context, next) => {
    appendFileSync(file, `${url}\n`);
    return next(url, context);
  },
});
