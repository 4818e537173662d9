import childProcess from 'node:child_process';
import fs from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

import { currentCall, type Pointer } from './crash-points.ts';

/** What makes a change visible to others: a process that dies between two of these leaves half of a port's work. */
const steps = ['rename', 'link', 'mkdir', 'rmdir'] as const;

/**
 * Puts crash points inside the ports as well, at each step by which files or processes come and go: `exchange.open/mkdir:1:before`. The modules of
 * Node are changed in place, for this process; its imports of them follow. With `requests`, those over http are steps, too: before one, the answer to
 * the one before it is there.
 */
export function installInnerPoints({ around, ahead }: Pointer, { requests }: { requests: boolean }): void {
  const files: Record<string, (...given: unknown[]) => Promise<unknown>> = fs as never;
  for (const step of steps) {
    const original = files[step];
    if (original === undefined) throw new Error(`node:fs/promises has no ${step}`);
    files[step] = (...given) => inner(step, () => original(...given));
  }
  const processes: Record<string, (...given: unknown[]) => unknown> = childProcess as never;
  const { spawn } = processes;
  if (spawn === undefined) throw new Error('node:child_process has no spawn');
  processes['spawn'] = (...given) => inner('spawn', () => spawn(...given));
  if (requests) {
    const web: Record<string, (...given: unknown[]) => unknown> = http as never;
    const { request } = web;
    if (request === undefined) throw new Error('node:http has no request');
    web['request'] = (...given) => {
      const port = currentCall();
      if (port !== undefined) ahead(`${port.split('/')[0]}/request`);
      return request(...given);
    };
  }
  syncBuiltinESMExports();

  function inner<T>(step: string, call: () => T): T {
    const port = currentCall();
    return port === undefined ? call() : around(`${port.split('/')[0]}/${step}`, call);
  }
}
