import { sessionSuite } from './session-suite.ts';
import { overHttp } from './support/mcp-client.ts';

sessionSuite('HTTP', overHttp);
