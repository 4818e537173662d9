import { instantEngine, dockerEngine } from '../../../emulator/server.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ContainerWay } from '../../crash/support/azure-containers.ts';
import type { Azurite } from '../../support/azurite.ts';
import { processBehavior } from '../../support/process-behavior.ts';
import { azureStage, untilState } from './azure-stage.ts';
import { canary } from './leak-scan.ts';

/** What a run has found of another one that was under way beside it. */
export interface Seen {
  /** Processes whose environment it could read. */
  processes: number;
  /** How many of them are of the other run. */
  ofTheOther: number;
  /** Whether the secret of the other, or a signed address of it, was there. */
  secret: boolean;
  signature: boolean;
}

/** It is told the secret in two halves and the other's id, so that what it finds is not its own. */
const curious = `#!/bin/sh
processes=0 theirs=0 secret=false signature=false
for file in /proc/[0-9]*/environ; do
  text=$(tr '\\0' '\\n' <"$file" 2>/dev/null) || continue
  [ -n "$text" ] || continue
  processes=$((processes + 1))
  case $text in *"ERRAND_RUN_ID=$Other"*) theirs=$((theirs + 1)) ;; *) continue ;; esac
  case $text in *"$First$Second"*) secret=true ;; esac
  case $text in *sig=*) signature=true ;; esac
done
printf '{"processes":%s,"ofTheOther":%s,"secret":%s,"signature":%s}' $processes $theirs $secret $signature >"$ERRAND_OUTPUT"
`;
const waiting = '#!/bin/sh\nsleep 100\n';

/** One run waits with a secret, another reads /proc. In containers where there is a way to them, else as processes of one machine. */
export async function neighbours(azurite: Azurite, prefix: string, containers?: ContainerWay): Promise<Seen> {
  const { orchestrator, context, close } = await azureStage({
    connectionString: azurite.connectionString,
    runnerBlobEndpoint: containers?.blobEndpoint ?? azurite.blobUrl,
    prefix,
    engine:
      containers === undefined
        ? instantEngine({ behavior: processBehavior })
        : dockerEngine({ host: containers.dockerHost }),
    logger: silentLogger,
  });
  const task = async (taskName: string, text: string, parameters: Record<string, string>): Promise<void> => {
    const scriptParameters = Object.entries(parameters).map(([parameterName, parameterType]) => ({
      parameterName,
      parameterType,
      required: true,
    }));
    const document = {
      taskName,
      dockerImage: containers?.image ?? 'any:1',
      scriptName: `${taskName}.sh`,
      scriptParameters,
    };
    await context.artifacts.put(`${taskName}.sh`, Buffer.from(text));
    await context.artifacts.put(`${taskName}.json`, Buffer.from(JSON.stringify(document)));
  };
  const start = async (taskName: string, values: Record<string, string>): Promise<string> => {
    const parameters = Object.entries(values).map(([name, value]) => ({ name, value }));
    const request = { taskName, parameters, labels: {}, timeouts: {} };
    return (await orchestrator.accept(request, { principal: 'tester' })).run.id;
  };
  try {
    await task('Waiting', waiting, { Token: 'secret' });
    await task('Curious', curious, { Other: 'string', First: 'string', Second: 'string' });
    await orchestrator.start();
    const other = await start('Waiting', { Token: canary });
    await untilState(context, other, /running/);
    const half = Math.floor(canary.length / 2);
    const id = await start('Curious', { Other: other, First: canary.slice(0, half), Second: canary.slice(half) });
    await untilState(context, id, /succeeded/);
    const run = await context.storage.getRun(id);
    await orchestrator.cancel(other, 'tester');
    await untilState(context, other, /canceled/);
    return (run !== undefined && 'output' in run ? run.output : undefined) as Seen;
  } finally {
    await close();
  }
}
