import { Ber, BerWriter, Control } from 'ldapts';

export const dirSyncOid = '1.2.840.113556.1.4.841';

/** Only what the account may read (so that an ordinary one may ask), and of a member list only what changed of it. */
const flags = 0x8000_0001 | 0;
/** Of one answer, at most about so many. */
const maxBytes = 1_048_576;

/** Active Directory's question for what changed since a cookie (MS-ADTS 3.1.1.3.4.1.3); an empty one asks for everything. */
export class DirSyncControl extends Control {
  readonly #cookie: Buffer;

  constructor(cookie: Buffer) {
    super(dirSyncOid, { critical: true });
    this.#cookie = cookie;
  }

  override writeControl(writer: BerWriter): void {
    const value = new BerWriter();
    value.startSequence();
    value.writeInt(flags);
    value.writeInt(maxBytes);
    value.writeBuffer(this.#cookie, Ber.OctetString);
    value.endSequence();
    writer.writeBuffer(value.buffer, Ber.OctetString);
  }
}
