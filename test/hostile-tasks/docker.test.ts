import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeWithDocker } from '../support/engine.ts';
import { attacks } from './attacks.ts';
import { hostileTasks } from './hostile-tasks.ts';
import { carryOut, problemsOf } from './support/attack-all.ts';
import type { Surroundings } from './support/attack-facts.ts';
import { dockerPlace } from './support/docker-place.ts';
import { loosened } from './support/loosened.ts';
import { endNeighbour, startNeighbour } from './support/neighbours.ts';

describeWithDocker('hostile tasks in containers', () => {
  hostileTasks('docker', () => dockerPlace());

  describe('where containers get more than they were to have, it is found out that', () => {
    let surroundings: Surroundings;
    beforeAll(async () => {
      const place = await dockerPlace(loosened);
      surroundings = { place, neighbour: await startNeighbour(place) };
    });
    afterAll(async () => {
      await endNeighbour(surroundings.neighbour, surroundings.place);
      await surroundings.place.close();
    });

    test.each(attacks.filter(({ whenOpen }) => whenOpen !== undefined))('$name is not held', async (attack) => {
      const facts = await carryOut(attack, surroundings);
      expect(problemsOf(attack, facts, surroundings).join('\n')).toMatch(attack.whenOpen ?? /never/);
    });
  });
});
