import type { Bus } from '@mailrail/broker';
import type { TrackingEvent } from '@mailrail/contracts';
import { exchanges } from '@mailrail/topology';

const maxEvents = 256;
const everyMs = 100;

/** Tells what happens to mail on exchange `tracking`: several events a message, transient, dropped while nobody listens. */
export class Tracker {
  readonly #bus: Pick<Bus, 'tell'>;
  readonly #stage: string;
  #events: TrackingEvent[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: Pick<Bus, 'tell'>, stage: string) {
    this.#bus = bus;
    this.#stage = stage;
  }

  tell(event: Omit<TrackingEvent, 'stage'>): void {
    this.#events.push({ ...event, stage: this.#stage });
    if (this.#events.length >= maxEvents) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), everyMs);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#events.length === 0) return;
    const body = Buffer.from(JSON.stringify({ schema: 'tracking.v1', events: this.#events }));
    this.#events = [];
    this.#bus.tell(exchanges.tracking, this.#stage, body);
  }
}
