-- What wrk sends to a service: POSTs of so many rows, with ids that never come again, until the time is up. Then it sends no
-- more, waits for the answers that are due, and ends: what was inserted has been acknowledged.
--
-- The environment names ROWS (of a request), CONNECTIONS, DURATION (in seconds) and, where the service needs one, KEY. wrk is to
-- have one thread, which alone counts the ids.

local ffi = require("ffi")
ffi.cdef([[
   typedef struct { long seconds, microseconds; } timeval;
   int gettimeofday(timeval *now, void *zone);
   int getpid(void);
   int kill(int process, int signal);
]])
local SIGINT = 2
-- As long as wrk waits before the next request of a connection that has ended: longer than it runs.
local NEVER_MS = 3600 * 1000
-- So many rows differ in more than their ids.
local KINDS = 1000
-- 2021-01-01 in UTC, and the seconds between the instants of two rows.
local FIRST_INSTANT, STEP_SECONDS = 1609459200, 31000

local rows = tonumber(os.getenv("ROWS"))
local connections = tonumber(os.getenv("CONNECTIONS"))
local duration = tonumber(os.getenv("DURATION"))
local key = os.getenv("KEY")

local kinds, body = {}, {}
local id, ended = 0, 0
local clock = ffi.new("timeval")

function setup(thread)
   the_thread = thread
end

function init()
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   if key then wrk.headers["Authorization"] = "Bearer " .. key end
   for kind = 0, KINDS - 1 do
      kinds[kind] = string.format(
         ',"name":"Employee %d of %d","datetime":"%s","department_id":%d,"job_id":%d}', kind, KINDS,
         os.date("!%Y-%m-%dT%H:%M:%SZ", FIRST_INSTANT + kind * STEP_SECONDS), kind % 12 + 1, kind % 183 + 1)
   end
end

function delay()
   ffi.C.gettimeofday(clock, nil)
   last = tonumber(clock.seconds) + tonumber(clock.microseconds) / 1e6
   first = first or last
   if last - first < duration then return 0 end
   ended = ended + 1
   if ended == connections then ffi.C.kill(ffi.C.getpid(), SIGINT) end
   return NEVER_MS
end

function request()
   for row = 1, rows do
      id = id + 1
      body[row] = '{"id":' .. id .. kinds[id % KINDS]
   end
   return wrk.format(nil, nil, nil, "[" .. table.concat(body, ",") .. "]")
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"failures":%d,"seconds":%f,"p50":%f,"p99":%f}\n',
      summary.requests,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      the_thread:get("last") - the_thread:get("first"),
      latency:percentile(50) / 1e6,
      latency:percentile(99) / 1e6))
end
