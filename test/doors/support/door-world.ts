import { overHttp, type Session } from '../../mcp/support/mcp-client.ts';
import { serverHarness, type ServerHarness } from '../../http/support/server-harness.ts';
import { storedSecret } from './parameter-kinds.ts';
import { documentOf, scriptName, type Question } from './question.ts';

export interface DoorWorld {
  harness: ServerHarness;
  session: Session;
  /** Puts the definition where people may put theirs by hand, valid or not, under a name of its own. */
  store(question: Question): Promise<string>;
  close(): Promise<void>;
}

/** One server for all doors. Its tasks end at once. */
export async function doorWorld(): Promise<DoorWorld> {
  const harness = await serverHarness({ env: { [storedSecret]: 'kept by the operator' } });
  const session = await overHttp({ url: harness.url });
  const { artifacts } = harness.errand.context;
  await artifacts.put(scriptName, Buffer.from('#!/bin/sh\n'));
  let count = 0;
  return {
    harness,
    session,
    store: async (question) => {
      count += 1;
      const taskName = `Door${count}`;
      await artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(documentOf(taskName, question))));
      return taskName;
    },
    close: async () => {
      await session.close();
      await harness.dispose();
    },
  };
}
