-- wrk: every request is another session's. Arguments: the file with one Cookie header per line, then further headers.
local prepared, next_one = {}, 0

function init(arguments)
  local headers = {}
  for number = 2, #arguments do
    local name, value = string.match(arguments[number], "^([^:]+): (.*)$")
    headers[name] = value
  end
  for cookie in io.lines(arguments[1]) do
    headers["Cookie"] = cookie
    prepared[#prepared + 1] = wrk.format(nil, nil, headers)
  end
end

function request()
  next_one = next_one % #prepared + 1
  return prepared[next_one]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "RESULT {\"requests\": %d, \"microseconds\": %d, \"bytes\": %d, \"bad\": %d, \"p50\": %.3f, \"p99\": %.3f}\n",
    summary.requests, summary.duration, summary.bytes,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
