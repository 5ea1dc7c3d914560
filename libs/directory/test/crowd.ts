/** LDIF of many users with several addresses each, as an organization has them, and a group of them all. Made the same each time. */
export function crowdLdif(users: number, servers: readonly string[] = ['EX1', 'EX2', 'EX3'], base = 'DC=corp,DC=example'): string {
  const lines = [
    `dn: ${base}\nobjectClass: dcObject\nobjectClass: organization\ndc: corp\no: corp\n`,
    `dn: OU=Users,${base}\nobjectClass: organizationalUnit\nou: Users\n`,
  ];
  const dns: string[] = [];
  for (let n = 0; n < users; n += 1) {
    const dn = `CN=User ${n},OU=Users,${base}`;
    const server = servers[n % servers.length] ?? '';
    dns.push(dn);
    lines.push(`dn: ${dn}
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
objectClass: mailRecipient
cn: User ${n}
sn: ${n}
givenName: User
objectGUID:: ${Buffer.from(String(n).padStart(16, 'g')).toString('base64')}
displayName: User ${n}
sAMAccountName: u${n}
mailNickname: u${n}
mail: user.${n}@corp.example
proxyAddresses: SMTP:user.${n}@corp.example
proxyAddresses: smtp:u${n}@corp.example
proxyAddresses: X400:c=DE;a= ;p=Corp;o=Exchange;s=Number${n};g=User;q=${n};
proxyAddresses: smtp:user.number.${n}@old.corp.example
proxyAddresses: X500:/o=OldCorp/ou=Site/cn=Recipients/cn=u${n}
legacyExchangeDN: /o=Corp/ou=First Administrative Group/cn=Recipients/cn=u${n}
homeMDB: CN=Mailbox Store (${server}),CN=${server},OU=Servers,${base}
homeMTA: CN=Microsoft MTA,CN=${server},OU=Servers,${base}
msExchHomeServerName: /o=Corp/ou=First Administrative Group/cn=Configuration/cn=Servers/cn=${server}
`);
  }
  lines.push(`dn: CN=everybody,OU=Users,${base}
objectClass: group
objectClass: mailRecipient
cn: everybody
sAMAccountName: everybody
groupType: 8
mailNickname: everybody
proxyAddresses: SMTP:everybody@corp.example
reportToOriginator: TRUE
${dns.map((dn) => `member: ${dn}\n`).join('')}`);
  return lines.join('\n');
}
