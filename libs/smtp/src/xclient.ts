import { isIP } from 'node:net';
import { decodeXtext } from './xtext.ts';

/** What a proxy says of the client it speaks for. What it does not know is absent. */
export interface XclientCommand {
  address?: string;
  port?: number;
  helo?: string;
}

/** Attributes offered. LOGIN, DESTADDR and DESTPORT are taken, since proxies send them unasked, and mean nothing here. */
export const xclientAttributes = 'ADDR PORT NAME HELO PROTO';

/**
 * The arguments of XCLIENT (https://www.postfix.org/XCLIENT_README.html): `NAME=xtext ...`.
 *
 * @returns undefined for what has another form, an unknown attribute, one that comes twice, or an address that is none.
 */
export function parseXclient(rest: string): XclientCommand | undefined {
  const command: XclientCommand = {};
  const seen = new Set<string>();
  if (rest === '') return undefined;
  for (const word of rest.split(/ +/)) {
    const found = /^([A-Z]{1,20})=([^\s]{1,255})$/i.exec(word);
    const name = found?.[1]?.toUpperCase() ?? '';
    const value = decodeXtext(found?.[2] ?? '');
    if (!attributes.has(name) || seen.has(name) || value === undefined) return undefined;
    seen.add(name);
    if (/^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(value)) continue;
    if (name === 'ADDR') {
      const address = value.replace(/^IPV6:/i, '');
      // What is compared with networks later must be an address to the system, too; `%eth0` would name an interface of the proxy's.
      if (isIP(address) === 0 || address.includes('%')) return undefined;
      command.address = address;
    } else if (name === 'PORT') {
      if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) return undefined;
      command.port = Number(value);
    } else if (name === 'HELO') command.helo = value;
  }
  return command;
}

const attributes: ReadonlySet<string> = new Set(['ADDR', 'PORT', 'NAME', 'HELO', 'PROTO', 'LOGIN', 'DESTADDR', 'DESTPORT']);
