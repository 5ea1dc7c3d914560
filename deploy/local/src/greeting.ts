import path from 'node:path';
import type { Line } from './line.ts';

/**
 * What a person needs to try the line: addresses, logins, and lines to type, with the real ports.
 *
 * @param hasSamplePeople the people of the tour are this organization's; else the lines name its postmaster, whom each one has.
 */
export function greeting(line: Pick<Line, 'endpoints' | 'organization'>, data: string, hasSamplePeople: boolean): string {
  const { smtp, lmtp, submission, submissions, http, apiKey, management, amqp, sink } = line.endpoints();
  const host = (url: string) => new URL(url).host;
  const { username, password } = new URL(amqp);
  const relative = path.relative(process.cwd(), data);
  const folder = relative.startsWith('..') ? data : relative || '.';
  const { postmaster } = line.organization.settings;
  const [person, group] = hasSamplePeople ? ['ada@corp.example', 'team@corp.example'] : [postmaster, postmaster];
  const envelope = hasSamplePeople ? '' : `?from=you@elsewhere.example&to=${person}`;
  const same = folder === '.mailrail' ? '' : ` --data ${folder}`;
  return `
  RabbitMQ console  ${management === undefined ? '(MGMT_URL was not given)' : `${new URL(management).origin}  login ${username || 'guest'} / ${password || 'guest'}`}
  SMTP              ${host(smtp)}   submission ${host(submission.url)} (${submission.user} / ${submission.password})${submissions === undefined ? '' : `, TLS ${host(submissions)}`}${lmtp === undefined ? '' : `   LMTP ${host(lmtp)}`}
  HTTP              ${http}   description ${http}/openapi.json
  other server      ${host(sink)}   keeps what it gets in ${folder}/sink/Maildir
  files             drop a message into ${folder}/in/pickup/IN
  all of it         ${folder}/endpoints.json

  Try:
    swaks --server ${host(smtp)} --from you@elsewhere.example --to ${group}
    curl -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: message/rfc822' --data-binary @deploy/local/samples/attachment.eml '${http}/v1/messages${envelope}'
    npm run mailrail -- mailbox ${person}${same}

`;
}
