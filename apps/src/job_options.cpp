#include "job_options.hpp"

#include <array>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include <engine/job.hpp>

namespace sg::apps {
namespace {

/// "host-1234"
std::string worker_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) return fmt::format("worker-{}", getpid());
    return fmt::format("{}-{}", host.data(), getpid());
}

api::RateLimitOptions::Bucket bucket(const RateSettings& rate) {
    return {static_cast<double>(rate.per_second), static_cast<double>(rate.burst)};
}

}  // namespace

api::AuthenticationMode authentication_mode(ApiAuthentication setting) {
    switch (setting) {
        case ApiAuthentication::kOn:
            return api::AuthenticationMode::kOn;
        case ApiAuthentication::kOff:
            return api::AuthenticationMode::kOff;
        case ApiAuthentication::kAuto:
            break;
    }
    return api::AuthenticationMode::kAuto;
}

api::RateLimitOptions rate_limits(const ApiSettings& settings) {
    api::RateLimitOptions options;
    options.per_key = bucket(settings.per_key);
    options.per_address = bucket(settings.per_address);
    return options;
}

api::JwtOptions jwt_options(const JwtSettings& settings) {
    api::JwtOptions options;
    options.issuer = settings.issuer;
    options.audience = settings.audience;
    options.jwks_url = settings.jwks_url;
    options.clock_skew = settings.skew;
    options.role_claim = settings.role_claim;
    options.owner_claim = settings.owner_claim;
    return options;
}

api::UploadOptions upload_options(const ServeSettings& settings) {
    api::UploadOptions options;
    options.folder = settings.data / "uploads";
    options.max_bytes = settings.uploads.max_bytes;
    options.bytes_per_owner = settings.uploads.bytes_per_owner;
    options.open_per_owner = static_cast<std::int64_t>(settings.uploads.per_owner);
    options.expire = settings.uploads.expire;
    return options;
}

jobs::SubmissionPolicy submission_policy(const ServeSettings& settings) {
    jobs::SubmissionPolicy policy;
    policy.data = settings.data;
    policy.allow_private_addresses = settings.jobs.allow_private_addresses;
    policy.open_jobs_per_owner = settings.jobs.open_per_owner;
    return policy;
}

jobs::RunnerOptions runner_options(const ServeSettings& settings) {
    const auto& jobs = settings.jobs;
    jobs::RunnerOptions options;
    options.worker = worker_name();
    options.data = settings.data;
    options.heavy_slots = jobs.slots;
    options.light_slots = jobs.light_slots;
    options.fetches = jobs.fetches;
    options.jobs_per_owner = jobs.per_owner;
    options.attempts = static_cast<int>(jobs.attempts);
    options.task_memory_bytes = jobs.task_memory_bytes;
    options.stall = jobs.stall;
    options.allow_private_addresses = jobs.allow_private_addresses;
    return options;
}

jobs::WatchOptions watch_options(const std::vector<WatchSettings>& rules) {
    jobs::WatchOptions options;
    for (const auto& rule : rules) {
        jobs::WatchRule out;
        out.name = rule.name;
        out.folder = rule.folder;
        out.globs = rule.match;
        out.preset = rule.preset;
        out.owner = rule.owner;
        out.priority = rule.priority;
        out.stable = rule.stable;
        out.done = rule.done;
        out.failed = rule.failed;
        out.recursive = rule.recursive;
        options.rules.push_back(std::move(out));
    }
    return options;
}

std::string watched_document(const jobs::WatchRule& rule, const std::filesystem::path& file) {
    engine::JobDocument job;
    engine::JobInput input;
    input.uri = file.string();
    job.inputs.push_back(std::move(input));
    job.output.clear();
    job.preset = rule.preset;
    job.priority = jobs::name_of(rule.priority);
    job.tags["watch"] = rule.name;
    return engine::to_json(job);
}

Result<telemetry::TraceOptions> trace_options(const TelemetrySettings& settings) {
    telemetry::TraceOptions options;
    options.endpoint = settings.otlp_endpoint;
    options.instance = worker_name();
    std::string_view rest = settings.otlp_headers;
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        const auto pair = rest.substr(0, comma);
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return Error{Errc::kInvalidArgument,
                         "telemetry.otlp_headers: write NAME=VALUE, with commas between them"};
        options.headers.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return options;
}

}  // namespace sg::apps
