import { sessionSuite } from './session-suite.ts';
import { overStdio } from './support/mcp-client.ts';

sessionSuite('standard input and output', overStdio);
