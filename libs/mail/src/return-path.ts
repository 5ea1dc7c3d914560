import { splitAddress } from './address.ts';

/**
 * The `Return-Path` line that begins the stored form (E1), one line with its line end.
 *
 * @param sender typed address or null. One of another system stands as a quoted local part, which no domain can be taken for.
 */
export function returnPathField(sender: string | null): string {
  if (sender === null) return 'Return-Path: <>\r\n';
  const { type, value } = splitAddress(sender.replace(/\p{Cc}/gu, ' '));
  return type === 'SMTP' ? `Return-Path: <${value}>\r\n` : `Return-Path: <"${type}:${value.replace(/["\\]/g, '\\$&')}">\r\n`;
}
