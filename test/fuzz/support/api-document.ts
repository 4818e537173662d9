export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

type Content = Readonly<Record<string, { schema: Schema }>>;

export interface Operation {
  id: string;
  method: string;
  path: string;
  parameters: readonly Parameter[];
  /** Media type → schema; empty where it takes no body. */
  bodies: Content;
  bodyRequired: boolean;
  /** Status → media type → schema. */
  answers: Readonly<Record<string, { content?: Content }>>;
}

interface RawOperation {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Operation['answers'];
}

export interface ApiDocument {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
}

export function operationsOf({ paths }: ApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters, requestBody, responses }]) => ({
      id: operationId,
      method: method.toUpperCase(),
      path,
      parameters,
      bodies: requestBody?.content ?? {},
      bodyRequired: requestBody?.required ?? false,
      answers: responses,
    })),
  );
}

/** Follows references of the document, also from schema to schema. */
export function resolveSchema(document: ApiDocument, schema: Schema): Schema {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string') return schema;
  const found = reference
    .slice('#/'.length)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return resolveSchema(document, found as Schema);
}
