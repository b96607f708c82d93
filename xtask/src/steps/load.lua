-- Sends each request with a random key from a file, and counts the answers that fail.
local heads, seed, threads = {}, 0, {}

function setup(thread)
  seed = seed + 1
  thread:set("seed", seed)
  table.insert(threads, thread)
end

function init(arguments)
  math.randomseed(seed)
  for key in io.lines(arguments[1]) do
    heads[#heads + 1] = wrk.format("GET", "/v1/key", { ["Authorization"] = "Bearer " .. key })
  end
end

function request()
  return heads[math.random(#heads)]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %.0f %.2f %.2f %.2f %.2f %d\n", summary.requests,
    summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000,
    latency:percentile(99.9) / 1000, failed))
end
