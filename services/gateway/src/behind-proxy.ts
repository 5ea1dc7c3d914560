import type { Socket } from 'node:net';
import { type ProxyHeader, parseProxyHeader } from './proxy-header.ts';

/**
 * Takes the PROXY header off a connection; what comes behind it is left to be read.
 *
 * @param timeoutMs for the whole header.
 * @param then is called once with the header, with `undefined` when none came; not at all when the connection is lost before. The
 * socket is paused then.
 */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs: number,
  then: (header: (ProxyHeader & { kind: 'header' }) | undefined) => void,
): void {
  let input = Buffer.alloc(0);
  const end = (header: (ProxyHeader & { kind: 'header' }) | undefined) => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.pause();
    if (header !== undefined && input.length > header.bytes) socket.unshift(input.subarray(header.bytes));
    then(header);
  };
  const onData = (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    const header = parseProxyHeader(input);
    if (header.kind !== 'more') end(header.kind === 'header' ? header : undefined);
  };
  const onClose = () => clearTimeout(timer);
  const timer = setTimeout(() => end(undefined), timeoutMs);
  timer.unref();
  socket.on('data', onData);
  socket.once('close', onClose);
}
