import amqp, { type Channel, type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import { Acker } from './acker.ts';
import { type BusOptions, type BusState, type OutgoingMessage, PublishError } from './types.ts';

/** One life of a pair of connections: from connect to the first thing that goes wrong. */
export interface BusSession {
  /** Begins to take deliveries, once whoever handles them can publish by this session. @throws when the broker refuses. */
  consume(): Promise<void>;
  publish(message: OutgoingMessage): Promise<void>;
  tell(exchange: string, key: string, body: Buffer): void;
  state(): BusState;
  ready(): boolean;
  unconfirmed(): number;
  stopConsuming(): Promise<void>;
  close(): Promise<void>;
  /** Resolves with the cause when this life is over. Never rejects. */
  readonly lost: Promise<string>;
}

const readyWithinMs = 10_000;

interface Pending {
  resolve: () => void;
  reject: (error: PublishError) => void;
  sentAt: number;
  returned: boolean;
}

/** @throws what the broker or the network answered, with both connections closed. */
export async function openSession(
  options: Omit<BusOptions, 'consume'> & { consume?: BusOptions['consume'] | undefined },
  epoch: number,
): Promise<BusSession> {
  const { promise: lost, resolve: markLost } = Promise.withResolvers<string>();
  const connections: ChannelModel[] = [];
  const cleanUp: ((cause: string) => void)[] = [];
  let over = false;
  const fail = (cause: string) => {
    if (over) return;
    over = true;
    for (const step of cleanUp) step(cause);
    void closeAll(connections).then(() => markLost(cause));
  };

  const connect = async (role: string) => {
    const url = new URL(options.url);
    url.searchParams.set('heartbeat', '10');
    const connection = await amqp.connect(url.href, {
      noDelay: true, // amqplib leaves Nagle on otherwise: 44 ms for a message above 2 KB
      keepAlive: true,
      timeout: 3_000,
      clientProperties: { connection_name: `${options.name} ${role}` },
    });
    connection.on('error', (error: Error) => fail(`connection error: ${error.message}`));
    connection.on('close', () => fail('connection closed'));
    connections.push(connection);
    return connection;
  };
  const watch = <C extends Channel>(channel: C, what: string): C => {
    channel.on('error', (error: Error) => fail(`${what} channel error: ${error.message}`));
    channel.on('close', () => fail(`${what} channel closed`));
    return channel;
  };

  try {
    const publishing = await connect('publish');
    let blocked = false;
    publishing.on('blocked', (reason: string) => {
      blocked = true;
      options.log.warn('broker.blocked', { reason });
    });
    publishing.on('unblocked', () => {
      blocked = false;
      options.log.info('broker.unblocked');
    });
    const channel = watch(await publishing.createConfirmChannel(), 'publish');
    const publisher = createPublisher(channel, options, () => blocked, fail);
    cleanUp.push(publisher.close);
    const telling = watch(await publishing.createChannel(), 'telling');

    let consumer: Consumer | undefined;
    let consuming: Channel | undefined;
    if (options.consume !== undefined) {
      consuming = watch(await (await connect('consume')).createChannel(), 'consume');
      for (const queue of options.consume.queues) await consuming.checkQueue(queue); // missing: a clear 404, not a silent wait
    }
    if (over) throw new Error(await lost);
    publisher.probe().catch(() => {}); // `ready` waits for its confirm; under an alarm that may take long

    return {
      async consume() {
        if (consuming === undefined || options.consume === undefined) return;
        consumer = createConsumer(consuming, options.consume, epoch, fail);
        cleanUp.push(consumer.close);
        await consumer.start();
      },
      publish: publisher.publish,
      tell(exchange, key, body) {
        if (over || blocked || publisher.unconfirmed() > (options.maxUnconfirmed ?? 512)) return;
        try {
          telling.publish(exchange, key, body, { contentType: 'application/json' });
        } catch {
          // the channel closed in between; its own event ends this life
        }
      },
      state: () => (over ? 'down' : blocked || publisher.overdue() ? 'blocked' : 'up'),
      ready: () => !over && !blocked && (consuming === undefined || consumer !== undefined) && publisher.confirmedAgoMs() < readyWithinMs,
      unconfirmed: publisher.unconfirmed,
      stopConsuming: async () => consumer?.cancel(),
      async close() {
        if (!over) await consumer?.drain();
        if (!blocked) await publisher.idle(2_000);
        fail('closed by the service');
        await lost;
      },
      lost,
    };
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
    throw new Error(await lost, { cause: error });
  }
}

/** Closing a connection can itself hang (an alarm blocks every call on it), so it gets a second and is then left to the socket. */
async function closeAll(connections: readonly ChannelModel[]): Promise<void> {
  await Promise.all(
    connections.map(async (connection) => {
      await within(1_000, connection.close());
      destroySocket(connection);
    }),
  );
}

/** Waits for something that may never come, or fail: at most so long. */
async function within(ms: number, something: Promise<unknown>): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, ms);
  await Promise.race([something.catch(() => {}), timeout.promise]);
  clearTimeout(timer);
}

/** amqplib offers no way to drop a connection that does not answer; its socket is there, undeclared. */
function destroySocket(connection: ChannelModel): void {
  const inner: unknown = connection.connection;
  if (typeof inner !== 'object' || inner === null || !('stream' in inner)) return;
  const { stream } = inner;
  if (typeof stream === 'object' && stream !== null && 'destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
}

function createPublisher(
  channel: ConfirmChannel,
  options: Omit<BusOptions, 'consume'>,
  isBlocked: () => boolean,
  fail: (cause: string) => void,
) {
  const { confirmTimeoutMs = 5_000, probeEveryMs = 2_000, maxUnconfirmed = 512 } = options;
  const pending = new Map<string, Pending>();
  const waiting: (() => void)[] = [];
  let confirmedAt = 0;
  let closed = false;
  let probes = 0;

  channel.on('return', (message) => {
    const one = pending.get(String(message.properties.messageId));
    if (one !== undefined) one.returned = true; // the broker's ack follows, and means nothing
  });

  const settle = (id: string, error: unknown) => {
    const one = pending.get(id);
    if (one === undefined) return;
    pending.delete(id);
    if (closed) one.reject(new PublishError('unknown', 'the connection went before the broker confirmed'));
    else if (error !== null && error !== undefined) one.reject(new PublishError('refused', 'the broker refused the message'));
    else {
      confirmedAt = Date.now();
      if (one.returned) one.reject(new PublishError('returned', 'no queue is bound for this key'));
      else one.resolve();
    }
    waiting.shift()?.();
  };

  const send = (message: OutgoingMessage, persistent: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      if (closed) {
        reject(new PublishError('down', 'not connected to the broker'));
        return;
      }
      pending.set(message.messageId, { resolve, reject, sentAt: Date.now(), returned: false });
      try {
        channel.publish(
          message.exchange,
          message.key,
          message.body,
          {
            persistent,
            mandatory: persistent,
            messageId: message.messageId,
            timestamp: Math.floor(Date.now() / 1_000),
            type: message.type,
            appId: options.name,
            contentType: 'application/json',
            headers: message.headers,
          },
          (error: unknown) => settle(message.messageId, error),
        );
      } catch (error) {
        pending.delete(message.messageId);
        reject(new PublishError('down', error instanceof Error ? error.message : 'the channel is closed'));
      }
    });

  const publish = async (message: OutgoingMessage): Promise<void> => {
    while (pending.size >= maxUnconfirmed && !closed) await new Promise<void>((resolve) => waiting.push(resolve));
    return send(message, true);
  };

  const probe = () => {
    probes += 1;
    const messageId = `probe-${probes}`;
    return send({ exchange: 'probe', key: '', body: Buffer.alloc(0), messageId, type: 'probe', headers: {} }, false);
  };

  const oldestMs = () => {
    for (const one of pending.values()) return Date.now() - one.sentAt;
    return 0;
  };
  const timer = setInterval(
    () => {
      if (closed) return;
      if (pending.size === 0 && Date.now() - confirmedAt > probeEveryMs) probe().catch(() => {});
      // Under an alarm the connection is kept: the late confirms come when it is over, and closing would only lose them.
      if (!isBlocked() && oldestMs() > confirmTimeoutMs) fail('confirm overdue');
    },
    Math.min(500, probeEveryMs),
  );

  return {
    publish,
    probe,
    unconfirmed: () => pending.size,
    overdue: () => oldestMs() > 3_000,
    confirmedAgoMs: () => Date.now() - confirmedAt,
    async idle(withinMs: number) {
      const deadline = Date.now() + withinMs;
      while (pending.size > 0 && Date.now() < deadline && !closed) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    close: (cause: string) => {
      closed = true;
      clearInterval(timer);
      for (const [id, one] of pending) {
        pending.delete(id);
        one.reject(new PublishError('unknown', `the broker did not confirm: ${cause}`));
      }
      for (const resume of waiting.splice(0)) resume();
    },
  };
}

interface Consumer {
  start: () => Promise<void>;
  cancel: () => Promise<void>;
  drain: () => Promise<void>;
  close: () => void;
}

function createConsumer(
  channel: Channel,
  consume: NonNullable<BusOptions['consume']>,
  epoch: number,
  fail: (cause: string) => void,
): Consumer {
  const acker = new Acker((tag, upTo) => {
    try {
      // amqplib reads nothing of the message but its tag
      channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, upTo);
    } catch {
      // the channel closed in between; the broker delivers again
    }
  });
  const tags: string[] = [];
  const deliver = (queue: string, message: ConsumeMessage | null) => {
    if (message === null) {
      fail('consumer cancelled');
      return;
    }
    consume.onDelivery({
      queue,
      content: message.content,
      properties: message.properties,
      redelivered: message.fields.redelivered,
      epoch,
      ack: () => acker.settle(message.fields.deliveryTag, consume.ackAlone === true),
    });
  };
  return {
    async start() {
      await channel.prefetch(consume.prefetch); // per consumer: quorum queues know no other
      for (const queue of consume.queues) {
        const { consumerTag } = await channel.consume(queue, (message) => deliver(queue, message));
        tags.push(consumerTag);
      }
    },
    async cancel() {
      await Promise.all(tags.splice(0).map((tag) => channel.cancel(tag).catch(() => {})));
    },
    async drain() {
      acker.drain();
      // An answer on the same channel means that the acks before it have been taken; closing alone may overtake them.
      await within(1_000, channel.prefetch(consume.prefetch));
    },
    close: () => acker.close(),
  };
}
