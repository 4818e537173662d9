import { z } from 'zod';
import { scopes } from './routes.ts';

/** Who asks, and what they may do. */
export const principalSchema = z
  .object({
    name: z.string().meta({ description: 'Name of the API key, or local where none is configured' }),
    scopes: z.array(z.enum(scopes)),
    tasks: z.array(z.string()).optional().meta({ description: 'The only tasks that there are for this key' }),
  })
  .meta({ id: 'Principal' });

export type PrincipalView = z.infer<typeof principalSchema>;
