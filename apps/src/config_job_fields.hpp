#pragma once

#include <array>

#include "config_kinds.hpp"
#include "job_settings.hpp"

namespace sg::apps {

// The part of the table of keys (config_fields.hpp) that is about jobs and their API.

inline constexpr std::array kPriorityNames{"bulk", "low", "normal", "high", "urgent"};
inline constexpr std::array kAuthenticationNames{"auto", "on", "off"};
inline constexpr std::array kLogFormatNames{"text", "json"};
inline constexpr TextKind kWordText{TextKind::Rule::kWord};
inline constexpr TextKind kUrlText{TextKind::Rule::kUrl};
inline constexpr TextKind kPlainText{TextKind::Rule::kText};
inline constexpr TextKind kOwnerText{TextKind::Rule::kOwner};

template <class V>
void visit(V& v, KeepSettings& k) {
    using namespace std::chrono_literals;
    v.field("jobs", k.jobs, TimeKind{0s, 87'600h}, "jobs after their end; 0s: for ever");
    v.field("events", k.events, TimeKind{0s, 87'600h}, "the event log; 0s: for ever");
    v.field("outputs",
            k.outputs,
            TimeKind{0s, 87'600h},
            "outputs in the data folder after their job's end; 0s: for ever");
}

template <class V>
void visit(V& v, JobSettings& j) {
    using namespace std::chrono_literals;
    v.field("enabled", j.enabled, FlagKind{}, "takes jobs and serves their API");
    v.list("roots", j.roots, PathKind{}, 64, "folders that jobs may read from and write to");
    v.field("slots",
            j.slots,
            IntegerKind{0, 1024},
            "chunks encoded at once; 0: half the processors, rounded up");
    v.field("light_slots", j.light_slots, IntegerKind{1, 256}, "probes and plans at once");
    v.field("fetches", j.fetches, IntegerKind{1, 256}, "URLs fetched at once");
    v.field("per_owner",
            j.per_owner,
            IntegerKind{0, 100'000},
            "jobs of one owner that run at once; 0: no limit");
    v.field("open_per_owner",
            j.open_per_owner,
            IntegerKind{0, 100'000'000},
            "jobs of one owner that have not ended; 0: no limit");
    v.field("attempts", j.attempts, IntegerKind{1, 20}, "of a job, where another try may help");
    v.field("task_memory",
            j.task_memory_bytes,
            BytesKind{0, std::uint64_t{1} << 40},
            "of one task; 0: no limit");
    v.field("stall", j.stall, TimeKind{5s, 24h}, "a task silent for so long is ended");
    v.field("allow_private_addresses",
            j.allow_private_addresses,
            FlagKind{},
            "inputs by URL may come from private networks");
    v.section("keep", j.keep, "how long things are kept");
}

template <class V>
void visit(V& v, DrainSettings& d) {
    using namespace std::chrono_literals;
    v.field("jobs", d.jobs, TimeKind{0s, 24h}, "tasks that run may finish");
    v.field("live", d.live, TimeKind{0s, 168h}, "channels on air may go on");
}

template <class V>
void visit(V& v, RateSettings& r) {
    v.field("per_second", r.per_second, IntegerKind{1, 1'000'000}, "requests a second");
    v.field("burst", r.burst, IntegerKind{1, 1'000'000}, "requests at once");
}

template <class V>
void visit(V& v, JwtSettings& j) {
    using namespace std::chrono_literals;
    v.field("issuer", j.issuer, kUrlText, "of bearer tokens, as in their iss");
    v.field("audience", j.audience, kPlainText, "that must be in their aud");
    v.field("jwks_url", j.jwks_url, kUrlText, "its keys; as its discovery document says if not");
    v.field("owner_claim", j.owner_claim, kPlainText, "path of the claim with the owner");
    v.field("role_claim", j.role_claim, kPlainText, "path of the claim with the role");
    v.field("skew", j.skew, TimeKind{0s, 10min}, "between clocks");
}

template <class V>
void visit(V& v, ApiSettings& a) {
    v.field("authentication",
            a.authentication,
            ChoiceKind{kAuthenticationNames},
            "auto: on when it listens beyond loopback, or has jwt");
    v.field("anyone", a.anyone, FlagKind{}, "off although it does not only listen on loopback");
    v.section("jwt", a.jwt, "bearer tokens of an OpenID provider");
    v.section("per_key", a.per_key, "limit of each key, or owner of a token");
    v.section("per_address", a.per_address, "limit of each address");
    v.list("allowed_origins",
           a.allowed_origins,
           TextKind{TextKind::Rule::kOrigin},
           64,
           "sites whose pages may use the API (CORS)");
}

template <class V>
void visit(V& v, WebhookSettings& w) {
    v.field("allow_private_addresses",
            w.allow_private_addresses,
            FlagKind{},
            "webhooks may go to private networks");
}

template <class V>
void visit(V& v, UploadSettings& u) {
    using namespace std::chrono_literals;
    v.field("max_size", u.max_bytes, BytesKind{1U << 10, std::uint64_t{1} << 46}, "of one upload");
    v.field("per_owner", u.per_owner, IntegerKind{1, 100'000}, "open at once");
    v.field("bytes_per_owner",
            u.bytes_per_owner,
            BytesKind{1U << 20, std::uint64_t{1} << 50},
            "of all that an owner has uploaded and not deleted");
    v.field("expire", u.expire, TimeKind{1min, 8760h}, "an unfinished one is removed then");
}

template <class V>
void visit(V& v, WatchSettings& w) {
    using namespace std::chrono_literals;
    v.field("name", w.name, kWordText, "kept when the rule changes");
    v.field("folder", w.folder, PathKind{}, "where files arrive");
    v.list("match", w.match, kPlainText, 64, "globs of file names; none: every file");
    v.field("preset", w.preset, TextKind{TextKind::Rule::kText}, "NAME or NAME@VERSION");
    v.field("owner", w.owner, kOwnerText, "of its jobs");
    v.field("priority", w.priority, ChoiceKind{kPriorityNames}, "of its jobs");
    v.field("stable", w.stable, TimeKind{100ms, 24h}, "a file that has not grown for so long");
    v.field("done", w.done, PathKind{}, "sources of jobs that succeeded; FOLDER/done");
    v.field("failed", w.failed, PathKind{}, "of those that did not; FOLDER/failed");
    v.field("recursive", w.recursive, FlagKind{}, "also folders below");
}

template <class V>
void visit(V& v, TelemetrySettings& t) {
    v.field("otlp_endpoint", t.otlp_endpoint, kUrlText, "traces are sent there (OTLP over HTTP)");
    v.secret("otlp_headers", t.otlp_headers, SecretKind{3, 4096}, "NAME=VALUE, with commas");
}

template <class V>
void visit(V& v, LogSettings& l) {
    v.field("format", l.format, ChoiceKind{kLogFormatNames}, "of log lines");
}

template <class V>
void visit(V& v, WorkerSettings& w) {
    v.field("sandbox", w.sandbox, FlagKind{}, "tasks are locked in; false: for diagnosis only");
    v.field("user", w.user, kOwnerText, "whom tasks run as when the service runs as root");
}

}  // namespace sg::apps
