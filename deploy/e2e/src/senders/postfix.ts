import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '@mailrail/testing';
import { postfixTree } from '../../../bench/src/postfix/package.ts';
import { startPostfix } from '../../../bench/src/postfix/postfix.ts';
import { type Neighbour, submitTo, toolsFolder } from './sender.ts';

/** Debian's Postfix, unpacked and not installed, that relays everything to one port of this machine. Needs the rights of root. */
export async function postfixTo(port: number): Promise<Neighbour> {
  const tree = await postfixTree(toolsFolder('postfix'), () => {});
  const dir = await mkdtemp(path.join(tmpdir(), 'mailrail-postfix-'));
  await chmod(dir, 0o755); // its parts run as somebody else
  const [own = 0] = await freePorts([0]);
  const stops: (() => Promise<void> | void)[] = [];
  const people = { users: ['nobody@postfix.neighbour.example'], relayed: [], group: undefined };
  const settings = { smtp_tls_security_level: 'may', smtputf8_enable: 'yes' };
  const close = async () => {
    for (const stop of stops) await stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await startPostfix(
      { dir, tree, port: own, sinkPort: port, people, settings },
      () => {},
      (stop) => stops.push(stop),
    );
  } catch (error) {
    await close();
    throw error;
  }
  return { submit: (mail) => submitTo(own, mail), log: () => readFile(path.join(dir, 'maillog'), 'utf8'), close };
}
