import { describeWithDocker } from '../support/engine.ts';
import { hostileTasks } from './hostile-tasks.ts';
import { azurePlace } from './support/azure-place.ts';

describeWithDocker('hostile tasks in container groups', () => hostileTasks('container groups', () => azurePlace()));
