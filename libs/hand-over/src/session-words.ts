import { oneLine, type ReplyPhase } from '@mailrail/mail';
import type { ClientStep } from '@mailrail/smtp';

/** The command that a reply in this step answers. */
export function phaseOf(step: ClientStep): ReplyPhase {
  switch (step) {
    case 'greeting':
      return 'connect';
    case 'ehlo':
      return 'hello';
    case 'starttls':
    case 'auth':
      return step;
    case 'final':
    case 'content':
      return 'content';
    case 'idle':
    case 'envelope':
    case 'reset':
    case 'quit':
    case 'closed':
      return 'mail';
  }
}

/** What happened to a socket, in words for people and reports. */
export function errorText({ code, message }: { code?: string; message: string }): string {
  const known = words[code ?? ''];
  return oneLine(known ?? (code === undefined || message.includes(code) ? message : `${message} (${code})`));
}
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection broken',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
};

/** `5 min`, `30 s`, `200 ms`. */
export function seconds(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}
