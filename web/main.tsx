import { render } from 'preact';
import { App } from './app.tsx';
import { startChanges } from './state/changes.ts';
import { startRouter } from './state/router.ts';
import { applyTheme } from './state/theme.ts';

applyTheme();
startRouter();
startChanges();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
