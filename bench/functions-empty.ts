// The least app of the same programming model: what it costs is not ours.
import { app } from '@azure/functions';

app.setup({ enableHttpStream: true });
app.http('api', { route: '{*path}', authLevel: 'anonymous', handler: async () => ({ body: 'ok' }) });
