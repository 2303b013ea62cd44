// File transfer over a data channel with the protocol "drywire-file": offer, acceptance from an offset, the bytes, a hash
// over the whole file, confirmation. The rules are in the documentation of the crate drywire-file.
//
// Both ends live longer than their channel: `connected` with another one resumes. A peer that sends every message
// back is a peer, too: the same channel can have a sender and a receiver at this end.

import { Sha256 } from "/sha256.js";

export const PROTOCOL = "drywire-file";

const CHUNK = 64 * 1024; // bytes in one message
const HIGH_WATER = 1024 * 1024; // bytes queued in the channel before the sender waits
const LOW_WATER = 256 * 1024;
const ACKNOWLEDGED_EVERY = 256 * 1024; // bytes that arrive between two acknowledgements

/** A new name for a transfer. */
export function transferId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether `word` is a position within a file of `length` bytes. */
function position(word, length) {
  return /^\d{1,16}$/.test(word) && Number(word) <= length ? Number(word) : null;
}

/** Sends one file. Calls `on.progress()`, `on.hash(hex)`, `on.done()`, `on.failed(reason)`. Holds one chunk of it. */
export class FileSender {
  constructor(id, file, on) {
    Object.assign(this, { id, file, on, sent: 0, hashed: 0, sha: new Sha256(), hash: null });
    this.run = 0; // counts channels, so that what waited for an old one notices
    this.accept = null;
  }

  /** Offers the file on an open channel; again, if there was another before. */
  connected(channel, maxMessageSize) {
    this.run += 1;
    this.channel = channel;
    this.chunk = Math.min(CHUNK, maxMessageSize || CHUNK);
    channel.bufferedAmountLowThreshold = LOW_WATER;
    this.accept = (offset) => this.#send(channel, this.run, offset).catch((error) => this.#failed(error.message));
    channel.send(`OFFER ${this.id} ${this.file.size} ${this.file.name.slice(0, 200) || "file"}`);
  }

  /** A text message of the channel. What is for a receiver or another transfer is ignored. */
  handleText(text) {
    const [verb, id, word] = text.split(" ");
    if (id !== this.id) return;
    if (verb === "ACCEPT" && this.accept) {
      const offset = position(word, this.file.size);
      if (offset === null) return this.abandon("protocol");
      const accept = this.accept;
      this.accept = null;
      accept(offset);
    } else if (verb === "DONE") {
      if (this.hash && word === this.hash) this.on.done();
      else this.#failed("hash-mismatch");
    } else if (verb === "REFUSE") {
      this.#failed(word);
    }
  }

  /** Gives up, and tells the peer why. */
  abandon(reason) {
    if (this.channel?.readyState === "open") this.channel.send(`ABANDON ${this.id} ${reason}`);
    this.#failed(reason);
  }

  #failed(reason) {
    this.run += 1;
    this.on.failed(reason);
  }

  async #send(channel, run, from) {
    const over = () => this.run !== run || channel.readyState !== "open";
    // What the peer has already is read again only as far as it is missing in the hash.
    for (let at = Math.min(from, this.hashed); at < this.file.size; ) {
      const end = Math.min(at < from ? from : this.file.size, at + this.chunk);
      const bytes = new Uint8Array(await this.file.slice(at, end).arrayBuffer());
      if (bytes.length !== end - at) throw new Error("the file has changed");
      if (over()) return;
      if (end > this.hashed) {
        this.sha.update(bytes.subarray(this.hashed - at));
        this.hashed = end;
      }
      if (at >= from) {
        await room(channel);
        if (over()) return;
        channel.send(bytes);
      }
      at = end;
      this.sent = Math.max(end, from);
      this.on.progress();
    }
    if (over()) return;
    this.sent = this.file.size;
    if (!this.hash) this.on.hash((this.hash = this.sha.hex()));
    channel.send(`END ${this.id} ${this.hash}`);
  }
}

/** Receives one file with the name `id`. Calls `on.progress()`, `on.done(hex)`, `on.failed(reason)`. Keeps the hash of it only. */
export class FileReceiver {
  constructor(id, on) {
    Object.assign(this, { id, on, length: null, received: 0, acknowledged: 0, sha: new Sha256(), hash: null });
    this.channel = null;
  }

  /** A text message of `channel`. What is for a sender or another transfer is ignored. */
  handleText(channel, text) {
    const [verb, id, word] = text.split(" ");
    if (id !== this.id) return;
    if (verb === "OFFER") {
      const length = position(word, Number.MAX_SAFE_INTEGER);
      if (length === null || length !== (this.length ?? length)) return this.#refuse("protocol");
      this.length = length;
      this.channel = channel;
      this.acknowledged = this.received;
      channel.send(`ACCEPT ${this.id} ${this.received}`);
      this.on.progress();
    } else if (channel !== this.channel) {
      // Of a channel before this one.
    } else if (verb === "END") {
      if (this.received !== this.length) return this.#refuse("protocol");
      this.hash ??= this.sha.hex();
      if (word !== this.hash) return this.#refuse("hash-mismatch");
      channel.send(`DONE ${this.id} ${this.hash}`);
      this.on.done(this.hash);
    } else if (verb === "ABANDON") {
      this.#failed(word);
    }
  }

  /** A binary message of `channel`. */
  handleData(channel, bytes) {
    if (channel !== this.channel) return;
    if (this.received + bytes.length > this.length) return this.#refuse("protocol");
    this.sha.update(bytes);
    this.received += bytes.length;
    if (this.received - this.acknowledged >= ACKNOWLEDGED_EVERY || this.received === this.length) {
      this.acknowledged = this.received;
      channel.send(`HAVE ${this.id} ${this.received}`);
    }
    this.on.progress();
  }

  #refuse(reason) {
    this.channel?.send(`REFUSE ${this.id} ${reason}`);
    this.#failed(reason);
  }

  #failed(reason) {
    this.channel = null;
    this.on.failed(reason);
  }
}

/** Resolves when the channel has room for more, or is closed. */
function room(channel) {
  if (channel.bufferedAmount <= HIGH_WATER) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      for (const name of ["bufferedamountlow", "close"]) channel.removeEventListener(name, wake);
      resolve();
    };
    for (const name of ["bufferedamountlow", "close"]) channel.addEventListener(name, wake);
  });
}
