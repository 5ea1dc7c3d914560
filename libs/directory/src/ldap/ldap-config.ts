import { z } from 'zod';

/** `LDAP_*` for the schemas of services that ask the directory, so that all of them name the same; `openDirectory` reads them (docs/directory.md). */
export const ldapConfig = {
  LDAP_BIND_DN: z.string().optional().describe('who asks directory servers; these are read by openDirectory (docs/directory.md)'),
  LDAP_PASSWORD: z.string().optional().describe('and with which password; a secret'),
  LDAP_BASE: z.string().optional().describe('below which DNs addresses are looked up, `;` between them'),
  LDAP_PROFILE: z.string().optional().describe('active-directory, openldap, or the path of a .json file'),
  LDAP_TLS: z.string().optional().describe('what ldap:// means: auto, starttls, none'),
  LDAP_CA_FILE: z.string().optional().describe('PEM file of authorities that sign the servers’ certificates'),
  LDAP_CERT_FILE: z.string().optional().describe('PEM file of our certificate, for SASL EXTERNAL'),
  LDAP_KEY_FILE: z.string().optional().describe('PEM file of its key'),
};
