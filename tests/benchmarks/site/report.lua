-- What wrk sends and prints. An argument after the URL is a file of seed.py, whose users then take turns. wrk's own
-- summary rounds; this one is a line of JSON.
local authorizations = {}
local number = 0

function init(args)
    if args[1] then
        for line in io.lines(args[1]) do
            authorizations[#authorizations + 1] = line:match("\t(.*)")
        end
    end
end

function request()
    if #authorizations > 0 then
        number = number % #authorizations + 1
        wrk.headers["Authorization"] = authorizations[number]
    end
    return wrk.format()
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
