// Sends bodies that the server refuses, with Node's fetch, and prints a status and a code for each: node fetch.mjs URL KEY
const [url, key] = process.argv.slice(2);
const MIB = 1 << 20;

function stream(length) {
  let left = length;
  const pull = (controller) => {
    if (left <= 0) return controller.close();
    controller.enqueue(new Uint8Array(Math.min(left, 65536)));
    left -= 65536;
  };
  return new ReadableStream({ pull });
}

async function send(length, path, authorization, isChunked) {
  const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
  const body = isChunked ? stream(length) : new Uint8Array(length);
  const answer = await fetch(url + path, { method: "POST", headers, body, duplex: "half" });
  return `${answer.status} ${(await answer.json()).error.code}`;
}

const cases = [10 * MIB, 10 * MIB, 64 * MIB].flatMap((length) => [false, true].flatMap((isChunked) => [
  [length, "/v1/memories", undefined, isChunked],
  [length, "/v1/memories", `Bearer ${key}`, isChunked],
  [length, "/v1/nothing", `Bearer ${key}`, isChunked],
]));
for (const each of cases) console.log(await send(...each));
console.log((await Promise.all(cases.slice(0, 6).map((each) => send(...each)))).join("\n"));
