export { type Endpoints, readEndpoints } from './endpoints.ts';
export { type Line, type LineOptions, startLine } from './line.ts';
export { certificateOf, selfSigned } from './self-signed.ts';
export { keptMail } from './sink/kept-mail.ts';
export { type Sink, smtpSink } from './sink/smtp-sink.ts';
