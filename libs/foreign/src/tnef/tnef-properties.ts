import type { Budget } from '../mapi/budget.ts';
import { Fault } from '../mapi/fault.ts';
import { guidText, type Pieces, type Property, type PropertyBag, propertyKey } from '../mapi/properties.ts';
import { fixedSize, multiple, propertyType } from '../mapi/tags.ts';

const maxProperties = 10_000;
const maxValues = 10_000;
const variable: ReadonlySet<number> = new Set([propertyType.string8, propertyType.unicode, propertyType.binary, propertyType.object]);

/** Reads lists of properties (MS-OXTNEF §2.1.3.4). */
export class TnefProperties {
  readonly #bytes: Buffer;
  readonly #codePage: string;
  readonly #budget: Budget;
  #at = 0;

  /** @param codePage of 8-bit texts. */
  constructor(bytes: Buffer, codePage: string, budget: Budget) {
    this.#bytes = bytes;
    this.#codePage = codePage;
    this.#budget = budget;
  }

  /** @throws Fault `count-mismatch` when a count or a length is more than there is, `too-large` when the file has too many. */
  bag(): PropertyBag {
    const bag: PropertyBag = { byId: new Map(), byName: new Map(), codePage: this.#codePage };
    const count = this.count(maxProperties, 'properties');
    for (let index = 0; index < count; index += 1) {
      this.#budget.take('properties');
      const tag = this.#number();
      const type = tag & 0xffff;
      const id = tag >>> 16;
      const name = id >= 0x8000 ? this.#name() : undefined;
      const property = { type: type & ~multiple, values: this.#values(type) };
      if (name !== undefined) bag.byName.set(name, property);
      else if (!bag.byId.has(id)) bag.byId.set(id, property);
    }
    return bag;
  }

  /** @param max more of them are a fault, too. */
  count(max: number, what: string): number {
    const count = this.#number();
    if (count > max) throw new Fault('count-mismatch', `it says it has ${count} ${what}`);
    return count;
  }

  #name(): string {
    const set = guidText(this.#take(16));
    if (this.#number() === 0) return propertyKey(set, this.#number());
    const text = this.#padded(this.#number()).toString('utf16le').split('\0', 1)[0] ?? '';
    return propertyKey(set, text.slice(0, 256));
  }

  #values(typeAndMark: number): Property['values'] {
    const type = typeAndMark & ~multiple;
    const isMultiple = (typeAndMark & multiple) !== 0;
    const isVariable = variable.has(type);
    const size = fixedSize.get(type);
    if (!isVariable && size === undefined) throw new Fault('count-mismatch', `it has a property of type ${type}, which is none`);
    const count = isVariable || isMultiple ? this.count(maxValues, 'values of a property') : 1;
    this.#budget.take('properties', count);
    const values: Pieces[] = [];
    for (let index = 0; index < count; index += 1) values.push([isVariable ? this.#padded(this.#number()) : this.#padded(size ?? 4)]);
    return values;
  }

  /** Bytes, and what fills them up to a multiple of four. */
  #padded(size: number): Buffer {
    const bytes = this.#take(size);
    this.#at = Math.min(this.#bytes.length, this.#at + ((4 - (size % 4)) % 4));
    return bytes;
  }

  #number(): number {
    return this.#take(4).readUInt32LE(0);
  }

  #take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) {
      throw new Fault('count-mismatch', `a property says it has ${size} bytes, and ${this.#bytes.length - this.#at} are left`);
    }
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }
}
