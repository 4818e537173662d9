import type { ErrorCode } from '../contract/errors.ts';
import { limits } from '../contract/limits.ts';

export type Schema = Readonly<Record<string, unknown>>;

export interface Answer {
  description: string;
  /** Media type → schema. */
  content?: Readonly<Record<string, Schema>>;
  headers?: Readonly<Record<string, string>>;
}

export interface OperationDoc {
  summary: string;
  description?: string;
  tag: 'runs' | 'tasks' | 'schedules' | 'operation';
  query?: Readonly<Record<string, { description: string; schema: Schema }>>;
  headers?: Readonly<Record<string, string>>;
  body?: { required: boolean; content: Readonly<Record<string, Schema>> };
  answers: Readonly<Record<number, Answer>>;
  /** Those that are its own; what any request may be answered with is added to them. */
  errors: readonly ErrorCode[];
}

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

export const text: Schema = { type: 'string' };
export const json = (name: string) => ({ 'application/json': ref(name) });
export const page: Schema = { type: 'integer', minimum: 1, maximum: limits.pageSize, default: 50 };
export const list = (items: Schema): Schema => ({ type: 'array', items });

export const bodyErrors = [
  'invalidJson',
  'bodyTooDeep',
  'tooManyKeys',
  'requestTimeout',
  'bodyTooLarge',
  'unsupportedMediaType',
  'invalidRequest',
] as const;
