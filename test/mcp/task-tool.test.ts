import fc from 'fast-check';
import { expect, test } from 'vitest';

import { taskNamePattern } from '../../src/contract/names.ts';
import { runToolNames, taskNameOf, toolNameOf } from '../../src/mcp/task-tool.ts';

/** Letters, digits, underscore, hyphen and dot, at most 128 (MCP 2025-11-25, "Tool Names"). */
const validToolName = /^[A-Za-z0-9_.-]{1,128}$/;

const taskName = fc.oneof(fc.stringMatching(taskNamePattern), fc.constantFrom(...runToolNames));

test('every task has a tool of its own, whose name is valid and none of the tools for runs', () => {
  fc.assert(
    fc.property(taskName, (name) => {
      const tool = toolNameOf(name);
      expect(tool).toMatch(validToolName);
      expect(runToolNames).not.toContain(tool);
      expect(taskNameOf(tool)).toBe(name);
    }),
  );
});

test('a tool is named like its task wherever it can be', () => {
  expect(['StopVM', 'get-run', 'get_run', 'get_run_', 'run'].map(toolNameOf)).toEqual([
    'StopVM',
    'get-run',
    '_get_run',
    'get_run_',
    'run',
  ]);
});
