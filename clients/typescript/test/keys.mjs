// Keys for the tests, made with Node's own SHA-256.

import { createHash } from "node:crypto";
import fc from "fast-check";

export const KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
export const OTHER = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function checksum(hashed) {
  let number = createHash("sha256").update(hashed).digest().readUInt32BE();
  let digits = "";
  for (let place = 0; place < 6; place += 1) {
    digits = ALPHABET[number % 62] + digits;
    number = Math.floor(number / 62);
  }
  return digits;
}

export const digits = (length) => fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: length, maxLength: length });

export const keys = digits(42).map((part) => `ctx_${part}${checksum(`ctx_${part}`)}`);

/** Any text, with lone surrogates and with pairs. */
export const texts = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) });

/** Returns whether a text contains eight consecutive characters of the secret part of a key. */
export function shows(text, key) {
  const secret = key.slice(16);
  return Array.from({ length: secret.length - 7 }, (_, start) => secret.slice(start, start + 8)).some((part) =>
    text.includes(part),
  );
}
