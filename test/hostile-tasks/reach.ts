import type { Surroundings } from './support/attack-facts.ts';

/** What a task reports that has looked around. */
export interface Reach {
  found: string[];
  processes: number;
  sockets: string[];
  opened: string[];
  reached: string[];
  /** Requests to Blob storage that were granted. */
  blobs: string[];
}

/** What it must not have found or reached, and what it must have if the search is worth anything. */
export function problemsOfReach(
  { found = [], processes = 0, sockets = [], opened = [], reached = [], blobs = [] }: Partial<Reach>,
  own: string,
  { place, neighbour }: Surroundings,
): string[] {
  const wrong: string[] = [];
  if (!found.includes(own)) wrong.push(`it did not even find its own secret, in ${processes} processes`);
  if (found.includes(neighbour.secret)) wrong.push('it has the secret of the neighbour');
  if (found.includes(place.secret)) wrong.push('it has the secret of the orchestrator');
  if (found.some((value) => ![own, neighbour.secret, place.secret].includes(value)))
    wrong.push(`it has ${found.join(', ')}`);
  if (sockets.length > 0) wrong.push(`it sees the sockets ${sockets.join(', ')}`);
  if (opened.length > 0) wrong.push(`it could open ${opened.join(', ')}`);
  if (!reached.includes('itself')) wrong.push('it did not even reach itself');
  for (const name of reached.filter((each) => each !== 'itself')) wrong.push(`it reached ${name}`);
  const isOwnFence = (granted: string): boolean => granted.startsWith('own fence with ');
  if (place.name === 'container groups' && !blobs.some(isOwnFence)) wrong.push('it did not even read its own fence');
  for (const granted of blobs.filter((each) => !isOwnFence(each))) wrong.push(`Blob storage granted it ${granted}`);
  return wrong;
}
