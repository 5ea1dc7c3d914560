import { describe, expect, test } from '@jest/globals';
import { httpApp } from './http-support.ts';

const message = 'From: ada@corp.example\r\nTo: ben@corp.example, chloe@corp.example\r\n\r\nhello\r\n';

interface Row {
  name: string;
  query?: string;
  headers?: Record<string, string | string[]>;
  gives: object;
}

const taken: Row[] = [
  {
    name: 'a wish for everybody, what a report carries, and the sender’s own name for it',
    query: 'from=ada@corp.example&to=ben@corp.example&to=chloe@corp.example&notify=success,failure&ret=hdrs&envid=order%207',
    gives: {
      ret: 'hdrs',
      envid: 'order 7',
      recipients: [
        { address: 'SMTP:ben@corp.example', notify: ['success', 'failure'] },
        { address: 'SMTP:chloe@corp.example', notify: ['success', 'failure'] },
      ],
    },
  },
  {
    name: 'wishes of one recipient, which go before those for everybody',
    query: `from=&notify=never&to=${encodeURIComponent('<ben@corp.example> NOTIFY=DELAY ORCPT=rfc822;old+2Bben@corp.example')}&to=chloe@corp.example`,
    gives: {
      sender: null,
      recipients: [
        { address: 'SMTP:ben@corp.example', notify: ['delay'], orcpt: 'rfc822;old+ben@corp.example' },
        { address: 'SMTP:chloe@corp.example', notify: 'never' },
      ],
    },
  },
  {
    name: 'a wish for recipients that the header names',
    query: 'notify=never',
    gives: { recipients: [{ notify: 'never' }, { notify: 'never' }], sender: 'SMTP:ada@corp.example' },
  },
  {
    name: 'the envelope in headers',
    headers: {
      'Mailrail-From': 'ada@corp.example',
      'mailrail-to': ['ben@corp.example, "a,b"@corp.example', '<chloe@corp.example>'],
      'Mailrail-Notify': 'NEVER',
      'Mailrail-Ret': 'full',
      'Mailrail-Envid': 'x',
    },
    gives: {
      sender: 'SMTP:ada@corp.example',
      ret: 'full',
      envid: 'x',
      recipients: ['ben', '"a,b"', 'chloe'].map((local) => ({ address: `SMTP:${local}@corp.example`, notify: 'never' })),
    },
  },
  {
    name: 'an address beyond ASCII in a header, as UTF-8',
    headers: { 'Mailrail-From': '', 'Mailrail-To': Buffer.from('bücher@bücher.example').toString('latin1') },
    gives: { sender: null, smtputf8: true, recipients: [{ address: 'SMTP:bücher@xn--bcher-kva.example' }] },
  },
  { name: 'half in the query, half in headers', query: 'from=', headers: { 'Mailrail-To': 'ben@corp.example' }, gives: { sender: null } },
  { name: 'no internationalized mail', query: 'smtputf8=false', gives: { smtputf8: false } },
];

test.each(taken)('$name', async ({ query = '', headers = {}, gives }) => {
  const { app, acceptor, post } = httpApp();
  const response = await post(`/v1/messages?${query}`, headers, message);
  await app.close();
  expect(response.statusCode).toBe(202);
  expect(acceptor.taken[0]?.request).toMatchObject(gives);
});

describe('what is refused', () => {
  const rows: (Omit<Row, 'gives'> & { status: number; pointers: string[] })[] = [
    { name: 'a wish that is none', query: 'notify=sometimes', status: 400, pointers: ['/query/notify'] },
    { name: 'never with others', query: 'notify=never,delay', status: 400, pointers: ['/query/notify'] },
    {
      name: 'wrong words, all at once',
      query: 'ret=some&smtputf8=x&envid=',
      status: 400,
      pointers: ['/query/ret', '/query/envid', '/query/smtputf8'],
    },
    { name: 'a line end in the name of it', query: 'envid=a%0D%0Ab', status: 400, pointers: ['/query/envid'] },
    {
      name: 'a word in the query and in a header',
      query: 'from=ada@corp.example',
      headers: { 'Mailrail-From': 'ben@corp.example' },
      status: 400,
      pointers: ['/query/from'],
    },
    {
      name: 'a header twice',
      headers: { 'Mailrail-From': ['ada@corp.example', 'ben@corp.example'] },
      status: 400,
      pointers: ['/request/Mailrail-From'],
    },
    {
      name: 'an address in a header that is none',
      headers: { 'Mailrail-To': 'ben@corp.example, nobody' },
      status: 422,
      pointers: ['/request/Mailrail-To/1'],
    },
    {
      name: 'a parameter of a recipient that nobody knows',
      query: `to=${encodeURIComponent('<ben@corp.example> NOTIFY=NEVER BODY=8BITMIME')}`,
      status: 422,
      pointers: ['/query/to'],
    },
    {
      name: 'an original recipient that would break a report',
      query: `to=${encodeURIComponent('<ben@corp.example> ORCPT=rfc822;a+0D+0Ab')}`,
      status: 422,
      pointers: ['/query/to'],
    },
    {
      name: 'an address that needs what is switched off',
      query: 'smtputf8=false&to=b%C3%BCcher@corp.example',
      status: 422,
      pointers: ['/query/to'],
    },
  ];
  test.each(rows)('$name', async ({ query = '', headers = {}, status, pointers }) => {
    const { app, acceptor, post } = httpApp();
    const response = await post(`/v1/messages?${query}`, headers, message);
    await app.close();
    expect(response.statusCode).toBe(status);
    expect(response.json().errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    expect(acceptor.begun).toBe(0);
  });
});
