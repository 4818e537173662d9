// Writes schema/task-definition.json: the contract's zod schema as JSON Schema, for editors and for anyone who makes definitions.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { taskDefinitionSchema } from '../src/contract/task-definition.ts';

export const schemaFile = fileURLToPath(new URL('../schema/task-definition.json', import.meta.url));

/** Text of the published schema: JSON Schema 2020-12 of a definition as people write it, so that what has a default may be missing. */
export function taskDefinitionJsonSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(taskDefinitionSchema, { io: 'input', target: 'draft-2020-12' });
  // An id that names no host: nobody has to fetch it, and a relative `$schema` in a definition finds the file.
  const document = { $schema, $id: 'urn:errand:task-definition', title: 'Errand task definition', ...schema };
  return `${JSON.stringify(document, null, 2)}\n`;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  mkdirSync(new URL('../schema/', import.meta.url), { recursive: true });
  writeFileSync(schemaFile, taskDefinitionJsonSchema());
}
