import { runnerResultSchema, type RunnerResult } from '../core/runner-result.ts';

/** What a text that lies where the result belongs says; a task may have written it. */
export function parseResult(text: string): RunnerResult | { invalid: string } {
  try {
    const checked = runnerResultSchema.safeParse(JSON.parse(text));
    if (checked.success) return checked.data;
    const problems = checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return { invalid: `result.json is not a result: ${problems.slice(0, 5).join('; ')}` };
  } catch (error) {
    return { invalid: `result.json is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
