import type { TaskDefinitionDocument } from '../../contract/task-definition.ts';

export interface TemplateFile {
  name: string;
  text: string;
  mode: number;
  about: string;
}

/** A shell and little else. `errand dev` sees to it that the engine of this machine has it. */
export const defaultImage = 'errand-minimal:local';

/** The files of a new task folder. */
export function templateFiles({
  taskName,
  folder,
  image = defaultImage,
}: {
  taskName: string;
  folder: string;
  image?: string | undefined;
}): TemplateFile[] {
  const scriptName = `${kebab(taskName)}.sh`;
  const document: TaskDefinitionDocument = {
    taskName,
    description: 'Greets somebody.',
    dockerImage: image,
    scriptName,
    scriptParameters: [
      { parameterName: 'Name', parameterType: 'string', required: true, description: 'Who is greeted', maxLength: 64 },
    ],
    timeouts: { runSeconds: 60 },
  };
  return [
    {
      name: `${taskName}.json`,
      text: `${JSON.stringify(document, null, 2)}\n`,
      mode: 0o644,
      about: 'the definition: image, executable, parameters',
    },
    { name: scriptName, text: script, mode: 0o755, about: 'the executable; parameters are environment variables' },
    { name: 'README.md', text: readme({ taskName, folder, scriptName, image }), mode: 0o644, about: 'how to go on' },
  ];
}

const script = `#!/bin/sh
# Any executable will do. Parameters are environment variables, what is written here is the log,
# and the exit code says whether it went well.
set -eu

echo "Hello, $Name!"

# A result for programs to read: JSON, in the file that ERRAND_OUTPUT names.
printf '{"greeted": true}\\n' > "$ERRAND_OUTPUT"
`;

function readme({
  taskName,
  folder,
  scriptName,
  image,
}: {
  taskName: string;
  folder: string;
  scriptName: string;
  image: string;
}): string {
  const own = `- \`${defaultImage}\` is on every machine that runs \`errand dev\`, and nowhere else: for another server, name an image that
  it can pull, such as \`alpine:3\`.
`;
  return `# ${taskName}

\`\`\`
errand push ${folder}
errand run ${taskName} -p Name=World --follow
\`\`\`

- \`${taskName}.json\` says which image the task runs in, which executable it is, and which parameters it takes.
- \`${scriptName}\` is the executable: a script, or any program that the image can run. It finds each parameter in the
  environment variable of that name.
${image === defaultImage ? own : ''}
After a change, push again: the next run takes the new files, runs under way keep theirs.
`;
}

/** `StopVM` becomes `stop-vm`. */
function kebab(taskName: string): string {
  return taskName
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}
