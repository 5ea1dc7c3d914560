import { mailboxFolder } from '@mailrail/mail';

/**
 * The Maildir of a mailbox.
 *
 * @param template `maildir` of `endpoints.json`, with `%a` for the mailbox.
 */
export function maildirOf(template: string, address: string): string {
  return template.replace('%a', () => mailboxFolder(address));
}
