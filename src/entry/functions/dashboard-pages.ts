import { dashboard } from '../../http/dashboard.ts';
import { secure } from '../../http/security-headers.ts';
import { dashboardDirectory } from '../package-root.ts';

const { answer } = dashboard(dashboardDirectory);

/**
 * The dashboard and nothing else. The host lets everybody in here, so no request that comes this way may reach the API, however its address is
 * written.
 */
export async function dashboardPage(request: Request): Promise<Response> {
  const response = (await answer(request)) ?? new Response('There is no page here.\n', { status: 404 });
  secure(response.headers);
  return response;
}
