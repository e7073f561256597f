/** RFC 6455 framing, server side: client frames are masked, ours are not. No extensions. */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type Frame = { readonly opcode: number; readonly final: boolean; readonly payload: Buffer };

/** The peer broke the protocol; `closeCode` is what it is told (RFC 6455 §7.4.1). */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Cuts a byte stream into frames. After a FrameError the decoder must not be used again. */
export class FrameDecoder {
  readonly #maxPayloadBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes that must be there before another look is worth it: keeps large frames linear. */
  #needed = 2;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Frames completed by these bytes, in order. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const frames: Frame[] = [];
    while (this.#buffered >= this.#needed) {
      const frame = this.#take();
      if (frame !== null) frames.push(frame);
    }
    return frames;
  }

  #take(): Frame | null {
    const data = Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [data];
    const first = data.readUInt8(0);
    const second = data.readUInt8(1);
    checkHeader(first, second);
    const length = second & 0x7f;
    const lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
    const maskAt = 2 + lengthBytes;
    if (data.length < maskAt) return this.#wait(maskAt);
    const payloadBytes =
      length === 127 ? Number(data.readBigUInt64BE(2)) : length === 126 ? data.readUInt16BE(2) : length;
    if (payloadBytes > this.#maxPayloadBytes) throw new FrameError(1009, 'frame too large');
    const end = maskAt + 4 + payloadBytes;
    if (data.length < end) return this.#wait(end);
    const payload = unmask(data.subarray(maskAt + 4, end), data.subarray(maskAt, maskAt + 4));
    const rest = data.subarray(end);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
    this.#needed = 2;
    return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload };
  }

  #wait(bytes: number): null {
    this.#needed = bytes;
    return null;
  }
}

export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header.writeUInt8(0x80 | opcode, 0);
  if (length < 126) header.writeUInt8(length, 1);
  else if (length < 65_536) {
    header.writeUInt8(126, 1);
    header.writeUInt16BE(length, 2);
  } else {
    header.writeUInt8(127, 1);
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, payload]);
}

/** RFC 6455 §5.2 and §5.5: no extension was agreed on, clients mask, control frames are whole and short. */
function checkHeader(first: number, second: number): void {
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0) throw new FrameError(1002, 'reserved bits set');
  if ((opcode > 2 && opcode < 8) || opcode > 10) throw new FrameError(1002, 'unknown opcode');
  if ((second & 0x80) === 0) throw new FrameError(1002, 'client frame not masked');
  const isControl = opcode >= 8;
  if (isControl && ((first & 0x80) === 0 || (second & 0x7f) > 125)) throw new FrameError(1002, 'bad control frame');
}

function unmask(masked: Buffer, mask: Buffer): Buffer {
  const payload = Buffer.allocUnsafe(masked.length);
  for (let index = 0; index < masked.length; index += 1) {
    payload[index] = masked.readUInt8(index) ^ mask.readUInt8(index & 3);
  }
  return payload;
}
