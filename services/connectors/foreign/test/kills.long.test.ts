import { afterAll, beforeAll, test } from '@jest/globals';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { gatewaysOf, placeOptions, steps } from './kills.ts';

let place: ServicePlace;
let at: ReturnType<typeof gatewaysOf>;
beforeAll(async () => {
  place = await servicePlace(placeOptions);
  at = gatewaysOf(place);
}, 60_000);
afterAll(() => place.close());

const rows = steps.flatMap((step) => [true, false].map((taken) => ({ step, taken })));

test.each(rows)(
  'a kill behind step $step (taken at once: $taken) neither loses nor doubles',
  async ({ step, taken }) => {
    for (let round = 0; round < 3; round += 1) await at.killedAt(step, taken);
  },
  180_000,
);
