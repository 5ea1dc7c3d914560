import { createServer } from 'node:http';
import { keptMail } from './kept-mail.ts';
import { smtpSink } from './smtp-sink.ts';

// The sink as a process of the line: SINK_DIR, SINK_PORT, ADMIN_PORT. It ends when its standard input does.
const { SINK_DIR = '', SINK_PORT = '0', ADMIN_PORT = '0' } = process.env;
const sink = await smtpSink({ port: Number(SINK_PORT), kept: await keptMail(SINK_DIR) });
const admin = createServer((request, response) => {
  response.writeHead(request.url?.startsWith('/health/') === true ? 200 : 404).end();
}).listen(Number(ADMIN_PORT), '127.0.0.1');
const stop = () => {
  admin.close();
  void sink.close().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.stdin.resume().once('end', stop);
