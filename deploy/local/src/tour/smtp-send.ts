import { connect } from 'node:net';
import { ClientSession, type RecipientAnswer } from '@mailrail/smtp';

const withinMs = 30_000;

export interface SmtpSend {
  port: number; // on loopback
  sender: string | null;
  recipients: readonly string[];
  bytes: Buffer; // CRLF
  auth?: { user: string; password: string };
}

/**
 * Sends one mail to a server on loopback, in a session of its own.
 *
 * @returns the server's last word (`250 2.0.0 ...`).
 * @throws Error with the server's answer when it did not take the mail for every recipient, or did not answer in 30 s.
 */
export function sendBySmtp({ port, sender, recipients, bytes, auth }: SmtpSend): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let result: { ok: true; text: string } | { ok: false; reason: string } = { ok: false, reason: 'the session ended early' };
    let begun = false;
    const eightBit = bytes.some((byte) => byte > 0x7f);
    const session = new ClientSession(
      { hostname: 'samples.example', tls: 'never', cleartextAuth: true, ...(auth === undefined ? {} : { auth }) },
      (event) => {
        switch (event.kind) {
          case 'send':
            socket.write(event.bytes);
            return;
          case 'ready':
            if (begun) return session.quit();
            begun = true;
            return session.start({
              sender,
              recipients: recipients.map((mailbox) => ({ mailbox })),
              sizeBytes: bytes.length,
              ...(eightBit ? { body: '8bit' as const } : {}),
            });
          case 'content':
            session.write(bytes);
            return session.endContent();
          case 'answered':
            result = verdict(event.answers);
            return;
          case 'closed':
            if (!begun && event.reply !== undefined) result = { ok: false, reason: `${event.reply.code} ${event.reply.text}` };
            socket.end();
            return;
          case 'starttls':
            session.connectionLost('TLS was not wanted');
        }
      },
    );
    const timer = setTimeout(() => {
      session.connectionLost(`no answer within ${withinMs / 1_000} s`);
      socket.destroy();
    }, withinMs);
    socket.on('data', (chunk: Buffer) => session.receive(chunk));
    socket.on('error', (error) => {
      if (!begun) result = { ok: false, reason: error.message };
    });
    socket.on('close', () => {
      clearTimeout(timer);
      session.connectionLost();
      if (result.ok) resolve(result.text);
      else reject(new Error(result.reason));
    });
  });
}

function verdict(answers: readonly RecipientAnswer[]): { ok: true; text: string } | { ok: false; reason: string } {
  let text = '';
  for (const answer of answers) {
    if (answer.kind === 'accepted') text = `${answer.reply.code} ${answer.reply.text}`;
    else if (answer.kind === 'refused' || answer.kind === 'deferred')
      return { ok: false, reason: `${answer.reply.code} ${answer.reply.text}` };
    else return { ok: false, reason: answer.reason };
  }
  return { ok: true, text };
}
