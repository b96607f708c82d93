// MemoryKit API keys, a rule for secretlint 12. It drops what the checksum refutes: docs/key-format.md §4.

import { createHash } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// Matches are empty, so that the search goes on one character later: two keys can share three.
const SHAPE = /(?=(ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}))/g;

/** The last six digits of the key whose digest (a Buffer) this is. */
function checksum(digest) {
  let number = digest.readUInt32BE(0);
  let digits = "";
  for (let place = 0; place < 6; place += 1) {
    digits = ALPHABET[number % 62] + digits;
    number = Math.floor(number / 62);
  }
  return digits;
}

function isKey(text) {
  return text.slice(46) === checksum(createHash("sha256").update(text.slice(0, 46)).digest());
}

export const messages = {
  MEMORYKIT_API_KEY: {
    en: ({ id }) => `MemoryKit API key: it is live until it is revoked, by its id ${id}`,
  },
};

export const creator = {
  messages,
  meta: {
    id: "memorykit-api-key",
    recommended: true,
    type: "scanner",
    supportedContentTypes: ["text"],
    docs: { url: "docs/key-format.md" },
  },
  create(context) {
    const t = context.createTranslator(messages);
    return {
      file(source) {
        for (const found of source.content.matchAll(SHAPE)) {
          const key = found[1];
          if (isKey(key)) {
            context.report({
              message: t("MEMORYKIT_API_KEY", { id: key.slice(4, 16) }),
              range: [found.index, found.index + key.length],
            });
          }
        }
      },
    };
  },
};
