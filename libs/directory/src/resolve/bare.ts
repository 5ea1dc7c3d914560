/** `SMTP:ada@corp.example` -> `ada@corp.example`; other types stay as they are. */
export function bare(address: string): string {
  return address.startsWith('SMTP:') ? address.slice(5) : address;
}
