/** Encodes the body of a part as its bytes come. */
export interface Encoder {
  push(bytes: Uint8Array): Buffer;
  end(): Buffer;
}

const nothing = Buffer.alloc(0);
const lineBytes = 57; // 76 characters, RFC 2045 §6.8

/** Base64, RFC 2045 §6.8, in lines of 76 characters. */
export class Base64Lines implements Encoder {
  #rest: Buffer = nothing;

  push(bytes: Uint8Array): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % lineBytes);
    this.#rest = all.subarray(whole);
    return lines(all.subarray(0, whole));
  }

  end(): Buffer {
    const rest = this.#rest;
    this.#rest = nothing;
    return lines(rest);
  }
}

function lines(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64').replaceAll(/.{1,76}/g, '$&\r\n'), 'latin1');
}

/** A body that is encoded already: lines, whose ends are made good. */
export class CleanLines implements Encoder {
  #afterCr = false;

  push(bytes: Uint8Array): Buffer {
    const text = `${this.#afterCr ? '\r' : ''}${Buffer.from(bytes).toString('latin1')}`;
    this.#afterCr = text.endsWith('\r');
    const whole = this.#afterCr ? text.slice(0, -1) : text;
    return Buffer.from(whole.replaceAll('\0', '').replaceAll(/\r\n|\r|\n/g, '\r\n'), 'latin1');
  }

  end(): Buffer {
    const rest = this.#afterCr ? '\r\n' : '';
    this.#afterCr = false;
    return Buffer.from(rest);
  }
}
