import { dockerPlace } from './docker-place.ts';
import { instantPlace } from './instant-place.ts';
import { processPlace } from './process-place.ts';
import type { SoakPlace } from './soak-place.ts';
import type { PlaceName, VariantName } from './soak-setting.ts';

export interface PlaceOptions {
  variant?: VariantName | undefined;
  dockerHost?: string | undefined;
}

export function openPlace(name: PlaceName, { variant, dockerHost }: PlaceOptions = {}): Promise<SoakPlace> {
  switch (name) {
    case 'process':
      return processPlace(variant);
    case 'instant':
      return instantPlace(variant);
    case 'docker':
      if (dockerHost === undefined) throw new Error('the place docker needs an engine');
      return dockerPlace(dockerHost, variant);
  }
}
