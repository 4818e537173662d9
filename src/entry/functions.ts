import { app } from '@azure/functions';
import { environment } from './config.ts';
import { registerFunctions } from './functions/register.ts';

// The Functions host loads this file, and learns from it which functions there are.
registerFunctions(app, environment);
