import { describe, expect, test } from '@jest/globals';
import { type ClientEvent, type ClientOptions, ClientSession, type OutgoingMail, type RecipientAnswer } from '../src/index.ts';

/** A server that says what the script says, reply by reply, and notes what it hears. */
class Script {
  readonly session: ClientSession;
  readonly events: ClientEvent[] = [];
  heard = '';

  constructor(options: Partial<ClientOptions> = {}) {
    this.session = new ClientSession({ hostname: 'out.corp.example', tls: 'never', ...options }, (event) => {
      this.events.push(event);
      if (event.kind === 'send') this.heard += event.bytes.toString();
    });
  }

  /** @returns what the client said to it. */
  say(...replies: string[]): string {
    this.heard = '';
    this.session.receive(Buffer.from(replies.map((reply) => `${reply}\r\n`).join('')));
    return this.heard;
  }

  start(mail: OutgoingMail): string {
    this.heard = '';
    this.session.start(mail);
    return this.heard;
  }

  content(...chunks: string[]): string {
    this.heard = '';
    for (const chunk of chunks) this.session.write(Buffer.from(chunk));
    this.session.endContent();
    return this.heard;
  }

  last<Kind extends ClientEvent['kind']>(kind: Kind): (ClientEvent & { kind: Kind }) | undefined {
    return this.events.findLast((event): event is ClientEvent & { kind: Kind } => event.kind === kind);
  }

  get fates(): string[] {
    return (this.last('answered')?.answers ?? []).map(fate);
  }
}

function fate(answer: RecipientAnswer): string {
  switch (answer.kind) {
    case 'accepted':
      return `accepted ${answer.reply.code}`;
    case 'refused':
    case 'deferred':
      return `${answer.kind} ${answer.step} ${answer.reply.code}`;
    case 'unsupported':
      return `unsupported ${answer.status}`;
    case 'lost':
      return answer.afterDot ? 'lost after the dot' : 'lost';
  }
}

const mail: OutgoingMail = { sender: 'ada@corp.example', recipients: [{ mailbox: 'b@x.example' }, { mailbox: 'c@x.example' }] };
const full = [
  '250-mx.x.example hello',
  '250-PIPELINING',
  '250-SIZE 1000',
  '250-8BITMIME',
  '250-SMTPUTF8',
  '250-DSN',
  '250 ENHANCEDSTATUSCODES',
];

function ready(keywords: readonly string[] = full, options: Partial<ClientOptions> = {}): Script {
  const script = new Script(options);
  script.say('220 mx.x.example ESMTP');
  script.say(...keywords);
  expect(script.session.step).toBe('idle');
  return script;
}

describe('what is said only where it is offered', () => {
  const wishes: OutgoingMail = {
    ...mail,
    priority: -3,
    deliverBy: { seconds: 120, mode: 'return', trace: true },
    requireTls: true,
    body: '8bit',
  };
  test.each([
    [['MT-PRIORITY'], ' MT-PRIORITY=-3'],
    [['DELIVERBY'], ' BY=120;RT'],
    [['DELIVERBY 60'], ' BY=120;RT'],
    [['REQUIRETLS'], ' REQUIRETLS'],
    [['MT-PRIORITY', 'DELIVERBY', 'REQUIRETLS'], ' MT-PRIORITY=-3 BY=120;RT REQUIRETLS'],
    [[], ''],
  ])('%j', (offered, said) => {
    const keywords = ['8BITMIME', ...offered].map((word, at) => `250${at === offered.length ? ' ' : '-'}${word}`);
    expect(ready(['250-mx.x.example', ...keywords]).start(wishes)).toBe(`MAIL FROM:<ada@corp.example> BODY=8BITMIME${said}\r\n`);
  });
});

describe('a binary mail', () => {
  const binary: OutgoingMail = { ...mail, body: 'binary', sizeBytes: 5 };
  test.each([
    { name: 'with PIPELINING', keywords: ['250-mx', '250-PIPELINING', '250-CHUNKING', '250 BINARYMIME'] },
    { name: 'without', keywords: ['250-mx', '250-CHUNKING', '250 BINARYMIME'] },
  ])('$name: one chunk, when it is known who takes it', ({ name, keywords }) => {
    const script = ready(keywords);
    const envelope = ['MAIL FROM:<ada@corp.example> BODY=BINARYMIME\r\n', 'RCPT TO:<b@x.example>\r\n', 'RCPT TO:<c@x.example>\r\n'];
    if (name === 'with PIPELINING') {
      expect(script.start(binary)).toBe(envelope.join(''));
      expect(script.say('250 ok', '550 5.1.1 no', '250 ok')).toBe('BDAT 5 LAST\r\n');
    } else {
      expect(script.start(binary)).toBe(envelope[0]);
      expect(script.say('250 ok')).toBe(envelope[1]);
      expect(script.say('550 5.1.1 no')).toBe(envelope[2]);
      expect(script.say('250 ok')).toBe('BDAT 5 LAST\r\n');
    }
    expect(script.session.step).toBe('content');
    expect(script.content('.\r\n', '\n.')).toBe('.\r\n\n.');
    expect(script.say('250 2.0.0 taken')).toBe('');
    expect(script.fates).toEqual(['refused rcpt 550', 'accepted 250']);
  });
  test('a server without BINARYMIME, or without CHUNKING, or a size nobody knows: unsupported', () => {
    for (const keywords of [
      ['250-mx', '250 CHUNKING'],
      ['250-mx', '250 BINARYMIME'],
    ]) {
      expect(ready(keywords).start(binary)).toBe('');
    }
    const script = ready(['250-mx', '250-CHUNKING', '250 BINARYMIME']);
    script.start({ ...mail, body: 'binary' });
    expect(script.fates).toEqual(['unsupported 5.6.1', 'unsupported 5.6.1']);
  });
});

describe('before the first mail', () => {
  test('EHLO, and what is offered', () => {
    const script = new Script();
    expect(script.say('220-mx.x.example ESMTP', '220 more words')).toBe('EHLO out.corp.example\r\n');
    script.say(...full);
    expect(script.last('ready')).toMatchObject({ greeting: 'mx.x.example', tls: false, authenticated: false });
    expect(script.session.capabilities).toMatchObject({
      esmtp: true,
      pipelining: true,
      size: 1_000,
      eightBit: true,
      dsn: true,
      site: false,
    });
  });

  test('HELO for a server that knows no EHLO', () => {
    const script = new Script();
    script.say('220 old.example');
    expect(script.say('502 what?')).toBe('HELO out.corp.example\r\n');
    script.say('250 old.example');
    expect(script.last('ready')?.capabilities).toMatchObject({ esmtp: false, pipelining: false });
  });

  test.each([
    ['554 no', 'the server does not take mail'],
    ['421 4.3.2 busy', 'the server closes the session'],
    ['HTTP/1.1 400 Bad Request', 'the server did not send an SMTP reply'],
    ['220-a\r\n221 b', 'a reply of several lines changed its code'],
  ])('a greeting of %j ends it', (greeting, reason) => {
    const script = new Script();
    script.say(greeting);
    expect(script.last('closed')).toMatchObject({ reason, step: 'greeting' });
  });

  test('endless replies are cut off', () => {
    const lines = new Script();
    lines.session.receive(Buffer.from('220-x\r\n'.repeat(101)));
    expect(lines.last('closed')?.reason).toBe('the reply has more than 100 lines');
    const bytes = new Script();
    for (let at = 0; at < 17; at++) bytes.session.receive(Buffer.from('x'.repeat(4_096)));
    expect(bytes.last('closed')?.reason).toBe('the reply is larger than 64 KB');
  });

  test('STARTTLS, then everything anew', () => {
    const script = new Script({ tls: 'required' });
    script.say('220 mx.x.example');
    expect(script.say('250-mx.x.example', '250-DSN', '250 STARTTLS')).toBe('STARTTLS\r\n');
    script.say('220 go');
    expect(script.last('starttls')).toBeDefined();
    script.heard = '';
    script.session.tlsStarted();
    expect(script.heard).toBe('EHLO out.corp.example\r\n');
    script.say('250-mx.x.example', '250 SIZE');
    expect(script.last('ready')).toMatchObject({ tls: true, capabilities: { dsn: false, size: 0 } });
  });

  test('bytes behind the answer to STARTTLS end it', () => {
    const script = new Script({ tls: 'opportunistic' });
    script.say('220 mx.x.example');
    script.say('250-mx.x.example', '250 STARTTLS');
    script.say('220 go', '250 injected');
    expect(script.last('starttls')).toBeUndefined();
    expect(script.session.step).toBe('closed');
  });

  test('TLS that is required and not to be had', () => {
    const script = new Script({ tls: 'required' });
    script.say('220 mx.x.example');
    script.say('250 mx.x.example');
    expect(script.last('closed')?.reason).toBe('the server does not offer STARTTLS');
    const refused = new Script({ tls: 'required' });
    refused.say('220 mx.x.example');
    refused.say('250-mx.x.example', '250 STARTTLS');
    refused.say('454 4.7.0 not now');
    expect(refused.last('closed')?.reply?.code).toBe(454);
  });

  test('TLS that is only wished for', () => {
    const script = new Script({ tls: 'opportunistic' });
    script.say('220 mx.x.example');
    script.say('250-mx.x.example', '250 STARTTLS');
    script.say('454 4.7.0 not now');
    expect(script.last('ready')).toMatchObject({ tls: false });
  });

  const auth = { user: 'ada', password: 'secret' };
  test('AUTH PLAIN, and what is offered then', () => {
    const script = new Script({ auth, cleartextAuth: true, site: true });
    script.say('220 mx.x.example');
    expect(script.say('250-mx.x.example', '250 AUTH LOGIN PLAIN')).toBe('AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n');
    expect(script.say('235 2.7.0 good')).toBe('EHLO out.corp.example\r\n');
    script.say('250-mx.x.example', '250-AUTH PLAIN', '250 XMAILRAIL');
    expect(script.last('ready')).toMatchObject({ authenticated: true, capabilities: { site: true } });
  });

  test('AUTH LOGIN where PLAIN is not offered', () => {
    const script = new Script({ auth, cleartextAuth: true });
    script.say('220 mx.x.example');
    expect(script.say('250-mx.x.example', '250 AUTH=LOGIN')).toBe('AUTH LOGIN\r\n');
    expect(script.say('334 VXNlcm5hbWU6')).toBe('YWRh\r\n');
    expect(script.say('334 UGFzc3dvcmQ6')).toBe('c2VjcmV0\r\n');
    script.say('235 good');
    expect(script.session.step).toBe('idle');
  });

  test('credentials do not go over clear text, and a refusal ends it', () => {
    const clear = new Script({ auth });
    clear.say('220 mx.x.example');
    expect(clear.say('250-mx.x.example', '250 AUTH PLAIN')).toBe('');
    expect(clear.session.step).toBe('closed');
    const wrong = new Script({ auth, cleartextAuth: true });
    wrong.say('220 mx.x.example');
    wrong.say('250-mx.x.example', '250 AUTH PLAIN');
    wrong.say('535 5.7.8 no');
    expect(wrong.last('closed')).toMatchObject({ step: 'auth', reply: { code: 535, enhanced: '5.7.8' } });
  });
});

describe('one mail', () => {
  test('in one group with PIPELINING, dots stuffed, answers by recipient', () => {
    const script = ready();
    expect(script.start(mail)).toBe('MAIL FROM:<ada@corp.example>\r\nRCPT TO:<b@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n');
    script.say('250 2.1.0 ok', '250 2.1.5 ok', '550 5.1.1 no such user', '354 go');
    expect(script.session.step).toBe('content');
    expect(script.content('.a\r', '\n', '.\r\n..\r\n', 'end')).toBe('..a\r\n..\r\n...\r\nend\r\n.\r\n');
    script.say('250 2.0.0 queued');
    expect(script.fates).toEqual(['accepted 250', 'refused rcpt 550']);
    expect(script.session.step).toBe('idle');
  });

  test('command by command without PIPELINING', () => {
    const script = ready(['250 mx.x.example']);
    expect(script.start(mail)).toBe('MAIL FROM:<ada@corp.example>\r\n');
    expect(script.say('250 ok')).toBe('RCPT TO:<b@x.example>\r\n');
    expect(script.say('450 4.2.0 busy')).toBe('RCPT TO:<c@x.example>\r\n');
    expect(script.say('251 will forward')).toBe('DATA\r\n');
    script.say('354 go');
    expect(script.content('x\r\n')).toBe('x\r\n.\r\n');
    script.say('250 ok');
    expect(script.fates).toEqual(['deferred rcpt 450', 'accepted 250']);
  });

  test('parameters only where they are offered', () => {
    const rich: OutgoingMail = {
      sender: 'ada@corp.example',
      recipients: [
        { mailbox: 'b@x.example', notify: ['success', 'delay'], orcpt: 'rfc822;b+1@old.example' },
        { mailbox: 'c@x.example', notify: 'never', orcpt: 'rfc822;bé@x.example' },
      ],
      sizeBytes: 700,
      body: '8bit',
      ret: 'hdrs',
      envid: 'id=1',
      site: {
        rootId: '0192f0c1-0000-7000-8000-000000000001',
        mailId: '0192f0c1-0000-7000-8000-000000000002',
        hop: 2,
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      },
    };
    expect(ready().start(rich).split('\r\n')).toEqual([
      'MAIL FROM:<ada@corp.example> SIZE=700 BODY=8BITMIME RET=HDRS ENVID=id+3D1',
      'RCPT TO:<b@x.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2B1@old.example',
      'RCPT TO:<c@x.example> NOTIFY=NEVER ORCPT=utf-8;b\\x{E9}@x.example',
      'DATA',
      '',
    ]);
    expect(ready(['250-mx.x.example', '250-8BITMIME', '250 XMAILRAIL']).start(rich)).toBe(
      `MAIL FROM:<ada@corp.example> BODY=8BITMIME XMAILRAIL=${rich.site?.rootId},${rich.site?.mailId},2,${rich.site?.traceparent},outside\r\n`,
    );
  });

  test('what the server cannot take is not begun', () => {
    const script = ready(['250-mx.x.example', '250 SIZE 1000']);
    expect(script.start({ ...mail, sizeBytes: 1_001 })).toBe('');
    expect(script.fates).toEqual(['unsupported 5.3.4', 'unsupported 5.3.4']);
    script.start({ ...mail, body: '8bit' });
    expect(script.fates).toEqual(['unsupported 5.6.3', 'unsupported 5.6.3']);
    script.start({ ...mail, smtputf8: true });
    expect(script.fates).toEqual(['unsupported 5.6.7', 'unsupported 5.6.7']);
    script.start({ ...mail, sender: 'a\r\nRCPT TO:<evil@x.example>@corp.example' });
    expect(script.fates).toEqual(['unsupported 5.1.7', 'unsupported 5.1.7']);
    expect(script.heard).toBe('');
  });

  test('one recipient that cannot be said leaves the other', () => {
    const script = ready(['250-mx.x.example', '250 PIPELINING']);
    expect(
      script.start({ ...mail, recipients: [{ mailbox: 'bé@x.example' }, { mailbox: 'a>b@x.example' }, { mailbox: 'c@x.example' }] }),
    ).toBe('MAIL FROM:<ada@corp.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n');
    script.say('250 ok', '250 ok', '354 go');
    script.content('x\r\n');
    script.say('250 ok');
    expect(script.fates).toEqual(['unsupported 5.6.7', 'unsupported 5.1.3', 'accepted 250']);
  });

  test('UTF-8 where it is offered', () => {
    expect(ready().start({ ...mail, recipients: [{ mailbox: 'bé@x.example' }] })).toContain('MAIL FROM:<ada@corp.example> SMTPUTF8\r\n');
  });
});

describe('after a refusal the session is clean', () => {
  const next = (script: Script) => expect(script.start(mail)).toContain('MAIL FROM:');

  test('of the sender', () => {
    const script = ready();
    script.start(mail);
    expect(script.say('550 5.7.1 not you', '503 no', '503 no', '503 no')).toBe('');
    expect(script.fates).toEqual(['refused mail 550', 'refused mail 550']);
    next(script);
  });

  test('of all recipients', () => {
    const script = ready();
    script.start(mail);
    expect(script.say('250 ok', '550 no', '450 later', '554 no valid recipients')).toBe('RSET\r\n');
    expect(script.fates).toEqual(['refused rcpt 550', 'deferred rcpt 450']);
    script.say('250 ok');
    next(script);
  });

  test('of all recipients by a server that wants the content all the same', () => {
    const script = ready();
    script.start(mail);
    expect(script.say('250 ok', '550 no', '550 no', '354 go')).toBe('.\r\n');
    script.say('554 nothing');
    expect(script.fates).toEqual(['refused rcpt 550', 'refused rcpt 550']);
    next(script);
  });

  test('of DATA', () => {
    const script = ready();
    script.start(mail);
    expect(script.say('250 ok', '250 ok', '550 no', '451 later')).toBe('RSET\r\n');
    expect(script.fates).toEqual(['deferred data 451', 'refused rcpt 550']);
    script.say('250 ok');
    next(script);
  });

  test('of the content', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go');
    script.content('x\r\n');
    script.say('554 5.6.0 spam');
    expect(script.fates).toEqual(['refused content 554', 'refused content 554']);
    next(script);
  });

  test('of RSET: then it is closed', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '550 no', '550 no', '554 no');
    script.say('500 what');
    expect(script.last('closed')?.reason).toBe('RSET was refused');
  });
});

describe('when the session breaks', () => {
  test('before the dot nothing was handed over', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '550 no', '250 ok', '354 go');
    script.session.write(Buffer.from('x'));
    script.session.connectionLost();
    expect(script.fates).toEqual(['refused rcpt 550', 'lost']);
    expect(script.last('closed')?.step).toBe('content');
    script.session.write(Buffer.from('more'));
    script.session.connectionLost();
    expect(script.events.filter(({ kind }) => kind === 'closed')).toHaveLength(1);
  });

  test('after the dot it may have been', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '550 no', '250 ok', '354 go');
    script.content('x\r\n');
    script.session.connectionLost('timed out');
    expect(script.fates).toEqual(['refused rcpt 550', 'lost after the dot']);
  });

  test('421 in the envelope', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '250 ok', '421 4.3.2 stopping');
    expect(script.fates).toEqual(['deferred rcpt 421', 'deferred rcpt 421']);
    expect(script.session.step).toBe('closed');
  });

  test('421 after the dot', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go');
    script.content('x\r\n');
    script.say('421 4.3.2 stopping');
    expect(script.fates).toEqual(['deferred content 421', 'deferred content 421']);
    expect(script.last('closed')?.reply?.code).toBe(421);
  });

  test('an answer in the middle of the content', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go');
    script.session.write(Buffer.from('x'));
    script.say('552 5.3.4 too much');
    expect(script.fates).toEqual(['refused content 552', 'refused content 552']);
    expect(script.session.step).toBe('closed');
  });

  test('421 while idle, and QUIT', () => {
    const idle = ready();
    idle.say('421 4.4.2 idle too long');
    expect(idle.last('closed')).toMatchObject({ step: 'idle', reply: { code: 421 } });
    const quit = ready();
    quit.heard = '';
    quit.session.quit();
    expect(quit.heard).toBe('QUIT\r\n');
    quit.say('221 bye');
    expect(quit.last('closed')?.reason).toBe('the session was ended');
  });

  test('a reply too many', () => {
    const script = ready();
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go', '250 what for');
    expect(script.session.step).toBe('closed');
  });
});

describe('LMTP', () => {
  const three: OutgoingMail = { sender: null, recipients: ['b', 'c', 'd'].map((name) => ({ mailbox: `${name}@x.example` })) };
  const lhlo = (keywords: readonly string[] = full) => {
    const script = new Script({ protocol: 'lmtp' });
    expect(script.say('220 store.x.example LMTP')).toBe('LHLO out.corp.example\r\n');
    script.say(...keywords);
    expect(script.session.step).toBe('idle');
    return script;
  };

  test('a server that refuses LHLO is not asked otherwise', () => {
    const script = new Script({ protocol: 'lmtp' });
    script.say('220 store.x.example');
    expect(script.say('500 what?')).toBe('');
    expect(script.last('closed')).toMatchObject({ reason: 'LHLO was refused', step: 'ehlo' });
  });

  test('one reply for each recipient that was accepted, in their order', () => {
    const script = lhlo();
    script.start(three);
    script.say('250 ok', '250 ok', '550 5.1.1 unknown', '250 ok', '354 go');
    script.content('hello\r\n');
    script.say('250 2.0.0 <b> saved');
    expect(script.last('answered')).toBeUndefined();
    expect(script.session.step).toBe('final');
    script.say('452 4.2.2 <d> full');
    expect(script.fates).toEqual(['accepted 250', 'refused rcpt 550', 'deferred content 452']);
    expect(script.session.step).toBe('idle');
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go');
    script.content('again\r\n');
    script.say('250 ok', '250 ok'); // in one piece
    expect(script.fates).toEqual(['accepted 250', 'accepted 250']);
  });

  test('a session that ends between the replies: who had none is in doubt', () => {
    const script = lhlo();
    script.start(three);
    script.say('250 ok', '250 ok', '250 ok', '250 ok', '354 go');
    script.content('hello\r\n');
    script.say('250 <b> saved');
    script.session.connectionLost();
    expect(script.fates).toEqual(['accepted 250', 'lost after the dot', 'lost after the dot']);
  });

  test('421 between the replies is the answer of the rest, and the end', () => {
    const script = lhlo();
    script.start(three);
    script.say('250 ok', '250 ok', '250 ok', '250 ok', '354 go');
    script.content('hello\r\n');
    script.say('250 <b> saved', '421 4.3.2 going down');
    expect(script.fates).toEqual(['accepted 250', 'deferred content 421', 'deferred content 421']);
    expect(script.session.step).toBe('closed');
  });

  test('a reply too many, and content wanted for nobody, end the session', () => {
    const script = lhlo();
    script.start(mail);
    script.say('250 ok', '250 ok', '250 ok', '354 go');
    script.content('hello\r\n');
    script.say('250 ok', '250 ok', '250 ok');
    expect(script.fates).toEqual(['accepted 250', 'accepted 250']);
    expect(script.last('closed')).toMatchObject({ step: 'idle' });

    const other = lhlo();
    other.start(mail);
    expect(other.say('250 ok', '550 no', '550 no', '354 go')).toBe('');
    expect(other.fates).toEqual(['refused rcpt 550', 'refused rcpt 550']);
    expect(other.session.step).toBe('closed');
  });
});
