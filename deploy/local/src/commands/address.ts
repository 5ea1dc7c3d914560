import path from 'node:path';
import { addressMapper, type Directory, explainResolution, type MappedAddress } from '@mailrail/directory';
import { type AddressForm, addressForms, addressKey, displayOf, oneLine, parseAddress, sameAddress, splitAddress } from '@mailrail/mail';
import { gatewayFor, type OrganizationSnapshot } from '@mailrail/organization';
import { UsageError } from '../options.ts';
import type { Command } from './command.ts';
import { directoryFor, openOrganization } from './organization-and-directory.ts';
import { wordsOf } from './words.ts';

export const address: Command = {
  usage: 'address [--organization FILE] [--directory FILE.ldif|URL] ADDRESS',
  says: 'all forms of an address, of any type, and why',
  help: `Reads an address and shows every form it has: as the line carries it, as it is compared, encapsulated for Internet mail
and for X.400, the proxy addresses its owner has in the directory, what it becomes between foreign systems and Internet mail and
by which of the three (proxy, template, encapsulation), and the gateway it lies behind. Types: SMTP, X400, EX, X500, MS, CCMAIL, NOTES, GWISE,
FAX; others are kept as they are.

  --organization FILE    organization.yaml (default: that of the data folder, else the built-in one)
  --directory FILE|URL   an LDIF file (default: likewise), or ldap[s]://host/baseDN
  --data DIR             data folder (default .mailrail)
  --x400-base ADDRESS    O/R address of our X.400 gateway (default c=XX;a= ;p=<organization>;)
  --json                 one line of JSON

  npm run mailrail -- address 'NOTES:CN=Ada Ex/OU=Ops/O=Acme@ACMEDOM'`,
  run: async (argv, context) => {
    const { values, switches, rest } = wordsOf(argv, { values: ['organization', 'directory', 'data', 'x400-base'], switches: ['json'] });
    const [written] = rest;
    if (written === undefined || rest.length > 1) throw new UsageError('address: name one ADDRESS (in quotes when it has blanks)');
    const read = parseAddress(written);
    if (!read.ok) {
      context.print(`${oneLine(written)} is no address: ${oneLine(read.reason, 400)}`);
      return 1;
    }
    const data = path.resolve(context.cwd, values.get('data') ?? context.env['MAILRAIL_DATA'] ?? '.mailrail');
    const organization = await openOrganization(values.get('organization') ?? context.env['MAILRAIL_ORGANIZATION'], data, context);
    const { settings } = organization;
    const directory = await directoryFor(values.get('directory') ?? context.env['MAILRAIL_DIRECTORY'], data, context);
    try {
      const forms = [
        ...addressForms(read.value, {
          domains: settings.domains.filter(({ type }) => type !== 'relay').map(({ name }) => name),
          x400Base: values.get('x400-base') ?? `c=XX;a= ;p=${settings.organization.slice(0, 16)};`,
        }),
        ...(await mapped(read.value, organization, directory)),
        ...(await ofItsOwner(read.value, directory)),
      ];
      context.print(switches.has('json') ? JSON.stringify(forms) : formsText(forms));
      return 0;
    } finally {
      await directory.close();
    }
  },
};

/** Types of systems that have address books of their own, so that their messages need addresses of their own. */
const foreignTypes = ['GWISE', 'MS', 'NOTES', 'CCMAIL', 'X400'];

/** What the line makes of it on the way in and on the way back, and where mail for it goes. */
async function mapped(given: string, organization: OrganizationSnapshot, directory: Directory): Promise<AddressForm[]> {
  const mapper = addressMapper({ organization, directory });
  const form = (name: string, one: MappedAddress | undefined): AddressForm[] =>
    one === undefined ? [] : [{ form: name, text: one.address, why: `${one.how}: ${one.why}` }];
  if (splitAddress(given).type !== 'SMTP') {
    const inward = await mapper.inward([given]);
    const shown = inward.ok ? form('Internet', inward.value.get(given)) : [notAsked('Internet', inward.reason)];
    return [...shown, ...gatewayForm(given, organization)];
  }
  const known = new Set([...foreignTypes, ...organization.settings.addressTemplates.map(({ foreign }) => splitAddress(foreign).type)]);
  const forms: AddressForm[] = [];
  for (const type of known) {
    const outward = await mapper.outward([given], type);
    if (!outward.ok) return [notAsked('foreign', outward.reason)];
    const one = outward.value.get(given);
    // That an Internet address stays one is said once, not for every type there is.
    if (one !== undefined && !one.address.startsWith('SMTP:')) forms.push(...form(type, one));
  }
  if (forms.length === 0)
    forms.push({ form: 'foreign', text: given, why: 'encapsulated: foreign systems are told the Internet address itself' });
  const found = await explainResolution({ organization, directory, from: '', authenticated: true, sizeKb: 0, addresses: [given] }).catch(
    () => undefined,
  );
  return [...forms, ...(found?.hops.flatMap((hop) => gatewayForm(hop, organization)) ?? [])];
}

function gatewayForm(address: string, { settings }: OrganizationSnapshot): AddressForm[] {
  const gateway = gatewayFor(address, settings);
  return gateway === undefined
    ? []
    : [{ form: 'gateway', text: gateway.name, why: `${address} lies behind it by its address space ${gateway.space}` }];
}

function notAsked(form: string, reason: string): AddressForm {
  return { form, text: '(not asked)', why: reason };
}

/** The proxy addresses of whoever has this address; a capital type is the one replies go to. */
async function ofItsOwner(given: string, directory: Directory): Promise<AddressForm[]> {
  const answer = await directory.byAddress([given]);
  if (!answer.ok) return [notAsked('directory', answer.reason)];
  const owners = answer.value.get(addressKey(given)) ?? [...answer.value.values()].flat();
  const [owner] = owners;
  if (owner === undefined) return [{ form: 'directory', text: '(nobody)', why: 'no entry has this address' }];
  if (owners.length > 1) return [{ form: 'directory', text: '(ambiguous)', why: `${owners.length} entries have this address` }];
  const who = owner.displayName ?? displayOf(given);
  return owner.addresses
    .filter((other) => !sameAddress(other, given))
    .map((other) => ({ form: 'proxy', text: other, why: `another address of ${who} in the directory` }));
}

function formsText(forms: readonly AddressForm[]): string {
  const width = Math.max(...forms.map(({ form }) => form.length));
  return forms
    .map(({ form, text, why }) => `${form.padEnd(width)}  ${oneLine(text, 2_000)}\n${' '.repeat(width)}    ${oneLine(why, 400)}`)
    .join('\n');
}
