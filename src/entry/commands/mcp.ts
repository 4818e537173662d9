import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { command } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { printable } from '../terminal/style.ts';
import { UsageError } from '../terminal/usage-error.ts';
import { packageVersion } from '../package-root.ts';
import { connect } from './connect.ts';

export const mcpCommand = command({
  name: 'mcp',
  about:
    'Gives the tasks of a running server to an agent, as tools on standard input and output (Model Context Protocol). An agent starts it by itself: see docs/agents.md.',
  options: {
    wait: {
      type: 'string',
      value: 'seconds',
      about: 'How long a call waits for the end of its run; 50 where it is not set',
    },
  },
  examples: [
    { line: 'claude mcp add errand -- errand mcp', about: 'Tools for an agent on this machine' },
    { line: 'errand mcp --url https://errand.example.org --wait 300', about: 'For a client that waits longer' },
  ],
  more: 'It ends when its standard input does. Runs that were started go on.',
  run: async ({ values }, io) => {
    const { serveTools } = await import('../../mcp/tool-server.ts');
    const { longestWaitSeconds: longest, usualWaitSeconds } = await import('../../mcp/call.ts');
    const { logLevels } = await import('../../mcp/log-levels.ts');
    const { runTools } = await import('../../mcp/run-tools.ts');
    const { StdioServerTransport } = await import('@modelcontextprotocol/sdk/server/stdio.js');
    const usual = values.wait === undefined ? usualWaitSeconds : Number(values.wait);
    if (!Number.isInteger(usual) || usual < 1 || usual > longest)
      throw new UsageError(`--wait ${values.wait} is no number of seconds from 1 to ${longest}: write --wait 300.`);

    const waits = { usual, longest };
    const transport = new StdioServerTransport(io.stdin);
    const gone = await serveTools(transport, {
      errand: connect(io),
      clock: io.clock,
      version: packageVersion(),
      session: randomUUID(),
      levels: logLevels(),
      waits,
      tools: runTools(waits),
      onProblem: (error, message) =>
        io.note(`errand: ${message}: ${printable(error instanceof Error ? error.message : String(error))}`),
    });
    await Promise.race([once(io.stdin, 'end'), once(gone, 'abort')]);
    await transport.close();
    return exitCodes.done;
  },
});
