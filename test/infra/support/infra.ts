import { globSync } from 'node:fs';
import { posix } from 'node:path';
import { readBicep, type BicepFile, type Deployed } from './bicep-file.ts';
import { at, textAt } from './bicep-value.ts';

export const mainPath = 'infra/main.bicep';

export function bicepPaths(): string[] {
  return globSync('infra/**/*.bicep').toSorted();
}

/** All files of the deployment by their paths. */
export async function readInfra(): Promise<ReadonlyMap<string, BicepFile>> {
  const files = await Promise.all(bicepPaths().map(readBicep));
  return new Map(files.map((file) => [file.path, file]));
}

/** The file of a local module; undefined for modules of a registry. */
export function moduleFile(
  files: ReadonlyMap<string, BicepFile>,
  from: BicepFile,
  module: Deployed,
): BicepFile | undefined {
  if (module.type.startsWith('br')) return undefined;
  const path = posix.join(posix.dirname(from.path), module.type);
  const file = files.get(path);
  if (file === undefined) throw new Error(`${from.path} has a module ${module.name} of ${path}, which is not there`);
  return file;
}

export interface RoleAssignment {
  /** Id of the role definition. */
  role: string;
  /** Who: name of the identity's module in the main file. */
  principal: string;
  /** Type of what it is assigned on, with `in` the resource group that the main file puts it in. */
  on: string;
  in: string;
  /** Under which condition, and for each of what. */
  when?: string;
  each?: string;
}

/** Every role that is assigned, traced from the module that assigns it to the identity that the main file hands in. */
export function roleAssignments(files: ReadonlyMap<string, BicepFile>): RoleAssignment[] {
  const main = files.get(mainPath);
  if (main === undefined) throw new Error(`${mainPath} is not there`);
  const found: RoleAssignment[] = [];
  for (const module of main.modules.values()) {
    const file = moduleFile(files, main, module);
    for (const assignment of file?.resources.values() ?? []) {
      if (file === undefined || assignment.type !== 'Microsoft.Authorization/roleAssignments') continue;
      for (const role of rolesOf(file, assignment)) {
        const principalParameter = textAt(assignment.value, 'properties', 'principalId');
        const principal = textAt(module.value, 'params', principalParameter);
        found.push({
          role,
          principal: principal.replace(/\.outputs\.principalId$/, ''),
          on: scopeOf(file, assignment),
          in: textAt(module.value, 'scope'),
          ...(module.condition === undefined ? {} : { when: module.condition }),
          ...(module.each === undefined ? {} : { each: module.each.of }),
        });
      }
    }
  }
  return found;
}

function scopeOf(file: BicepFile, assignment: Deployed): string {
  const scope = textAt(assignment.value, 'scope');
  if (scope === 'resourceGroup()') return scope;
  const resource = file.resources.get(scope);
  if (resource === undefined) throw new Error(`${file.path}: ${assignment.name} is on ${scope}, which is not declared`);
  return resource.type;
}

/** Ids of the roles: that of a variable, or those of the object that the assignment loops over. */
function rolesOf(file: BicepFile, assignment: Deployed): string[] {
  const definition = textAt(assignment.value, 'properties', 'roleDefinitionId');
  const call = /^subscriptionResourceId\('Microsoft\.Authorization\/roleDefinitions', ([\w.]+)\)$/.exec(definition);
  const name = call?.[1];
  if (name === undefined)
    throw new Error(`${file.path}: ${assignment.name} has a role that cannot be read: ${definition}`);
  const looped = assignment.each === undefined ? undefined : /^items\((\w+)\)$/.exec(assignment.each.of)?.[1];
  if (looped !== undefined && name === `${assignment.each?.variable}.value`) {
    const roles = file.variables.get(looped)?.value;
    return Object.keys(Object(roles)).map((key) => textAt(roles, key));
  }
  return [textAt({ role: file.variables.get(name)?.value ?? null }, 'role')];
}

/** What a module of the main file, or of a local module, is handed under `params`. */
export function paramsOf(files: ReadonlyMap<string, BicepFile>, path: string, module: string) {
  const params = at(files.get(path)?.modules.get(module)?.value, 'params');
  if (params === undefined) throw new Error(`${path} hands nothing to a module ${module}`);
  return params;
}
