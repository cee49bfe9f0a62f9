#pragma once

#include <array>

#include "config_job_fields.hpp"
#include "config_kinds.hpp"
#include "serve_settings.hpp"

namespace sg::apps {

// The one table of the configuration's keys. The decoder, the schema, `config show` and the list of
// environment variables all walk it. A visitor has
//   field(key, member, kind, description)      one value
//   secret(key, member, kind, description)     one value, or KEY_file: a file that holds it
//   list(key, vector, kind, most, description) values of one kind
//   section(key, struct, description)          a group of keys
//   sections(key, vector, most, description)   a list of groups

inline constexpr std::array kConflictNames{"refuse", "take-over"};
inline constexpr std::array kInputNames{"publish", "pull", "file", "test-card"};

inline constexpr TextKind kListenText{TextKind::Rule::kListen};
inline constexpr TextKind kPatternText{TextKind::Rule::kPattern};
inline constexpr SecretKind kKeySecret{8, 256};

constexpr TimeKind time_between(std::chrono::milliseconds min, std::chrono::milliseconds max) {
    return TimeKind{min, max};
}

template <class V>
void visit(V& v, ListenSettings& l) {
    v.field("rtmp", l.rtmp, kListenText, "RTMP publishers");
    v.field("rtmps", l.rtmps, kListenText, "RTMP over TLS; needs tls");
    v.field("srt", l.srt, kListenText, "SRT publishers, UDP");
    v.field("http", l.http, kListenText, "API, players, metrics, health");
    v.field("https", l.https, kListenText, "the same over TLS; needs tls");
}

template <class V>
void visit(V& v, TlsSettings& t) {
    v.field("certificate", t.certificate, PathKind{}, "certificate chain, PEM");
    v.field("key", t.key, PathKind{}, "its private key, PEM");
}

template <class V>
void visit(V& v, SrtListenSettings& s) {
    using namespace std::chrono_literals;
    v.field("latency", s.latency, time_between(20ms, 10s), "least latency agreed with publishers");
}

template <class V>
void visit(V& v, PublishKeySettings& k) {
    v.field("channel", k.channel, kPatternText, "channels it opens; * for any name");
    v.secret("key", k.key, kKeySecret, "the stream key");
    v.field("not_before", k.not_before, InstantKind{}, "valid from this time");
    v.field("expires", k.expires, InstantKind{}, "valid until this time");
}

template <class V>
void visit(V& v, PublishTokenSettings& t) {
    v.secret("secret", t.secret, SecretKind{16, 256}, "signs tokens (HMAC-SHA256)");
    v.secret("previous", t.previous, SecretKind{16, 256}, "the secret before, still valid");
}

template <class V>
void visit(V& v, PublishCallbackSettings& c) {
    using namespace std::chrono_literals;
    v.field("url", c.url, kUrlText, "asked by POST; 2xx lets the publisher in");
    v.field("timeout", c.timeout, time_between(100ms, 9s), "no answer by then is a refusal");
}

template <class V>
void visit(V& v, PublishSettings& p) {
    v.field("anyone", p.anyone, FlagKind{}, "no authorisation, although not only on loopback");
    v.sections("keys", p.keys, 10'000, "stream keys; several may be valid at once");
    v.section("token", p.token, "signed tokens that expire");
    v.section("callback", p.callback, "an HTTP service that is asked as well");
}

template <class V>
void visit(V& v, LimitSettings& l) {
    v.field("publishers", l.publishers, IntegerKind{1, 100'000}, "publishers at once");
    v.field("publishers_per_address",
            l.publishers_per_address,
            IntegerKind{1, 100'000},
            "of these from one address");
    v.field("viewers", l.viewers, IntegerKind{1, 1'000'000}, "HTTP connections at once");
    v.field("viewers_per_address",
            l.viewers_per_address,
            IntegerKind{1, 1'000'000},
            "of these from one address");
    v.field("channels", l.channels, IntegerKind{1, 100'000}, "channels that exist at once");
    v.field("rtmp_message",
            l.rtmp_message_bytes,
            BytesKind{64U << 10, 64U << 20},
            "largest RTMP message, such as one picture");
    v.field("publisher_rate",
            l.publisher_rate,
            BytesKind{64U << 10, std::uint64_t{1} << 32},
            "bytes a second of one publisher, over 10 s");
}

template <class V>
void visit(V& v, SignatureKeySettings& k) {
    v.secret("key", k.key, SecretKind{16, 256}, "signs playback URLs (HMAC-SHA256)");
}

template <class V>
void visit(V& v, PlaybackSettings& p) {
    v.sections("signature_keys", p.signature_keys, 16, "with one, only signed URLs play");
    v.list("allowed_origins",
           p.allowed_origins,
           TextKind{TextKind::Rule::kOrigin},
           64,
           "sites whose pages may play (CORS); * for all");
    v.list("trusted_proxies",
           p.trusted_proxies,
           TextKind{TextKind::Rule::kAddress},
           64,
           "addresses of proxies whose X-Forwarded-For is believed");
}

template <class V>
void visit(V& v, live::InputSettings& i) {
    v.field("kind", i.kind, ChoiceKind{kInputNames}, "where it comes from");
    v.field("name", i.name, kWordText, "publishers of input NAME use CHANNEL+NAME");
    v.field("url", i.url, kUrlText, "of pull and file: what is fetched or played in a loop");
    v.field("max_bandwidth",
            i.max_bandwidth,
            IntegerKind{0, 1'000'000'000},
            "bits per second of the HLS variant pulled; 0: the best");
    v.field("program",
            i.program,
            IntegerKind{0, 65'535},
            "number of the program of a transport stream; 0: the first");
}

template <class V>
void visit(V& v, live::OutputSettings& o) {
    using namespace std::chrono_literals;
    v.field(
        "segment", o.segment, time_between(500ms, 20s), "shortest segment; ends at a key frame");
    v.field("target", o.target, time_between(1s, 60s), "longest segment; longer GOPs are cut");
    v.field("part", o.part, time_between(100ms, 5s), "length of low-latency parts");
    v.field("low_latency", o.low_latency, FlagKind{}, "LL-HLS parts and LL-DASH chunks");
    v.field("hls", o.hls, FlagKind{}, "HLS with CMAF segments");
    v.field("dash", o.dash, FlagKind{}, "DASH with the same segments");
    v.field("ts", o.ts, FlagKind{}, "also HLS with transport streams, ts.m3u8");
    v.field("window", o.window, time_between(6s, 1h), "what playlists list without dvr");
    v.field("dvr", o.dvr, time_between(0s, 720h), "how far viewers can go back, on disk; 0s: not");
    v.field("event", o.event, FlagKind{}, "everything from the start stays listed, on disk");
}

template <class V>
void visit(V& v, live::RecordingSettings& r) {
    using namespace std::chrono_literals;
    v.field("enabled", r.enabled, FlagKind{}, "fragmented MP4 in the data folder");
    v.field("rotate", r.rotate, time_between(10s, 168h), "a new file after this time");
}

template <class V>
void visit(V& v, live::RestreamTarget& t) {
    v.field("name", t.name, kWordText, "shown in logs and metrics instead of the URL");
    v.secret("url", t.url, SecretKind{8, 2048}, "rtmp, rtmps or srt; holds the stream key");
}

template <class V>
void visit(V& v, live::SlateSettings& s) {
    using namespace std::chrono_literals;
    v.field("enabled", s.enabled, FlagKind{}, "a picture with silence while nothing arrives");
    v.field("image", s.image, PathKind{}, "the picture; without one a test card");
    v.field(
        "limit", s.limit, time_between(0s, 720h), "ends a channel with nothing else; 0s: never");
}

template <class V>
void visit(V& v, live::SrtEncryption& s) {
    v.secret("passphrase", s.passphrase, SecretKind{10, 79}, "encrypts; publishers need the same");
    v.field("key_bytes", s.key_bytes, IntegerKind{0, 32}, "16, 24 or 32; 0: as publishers want");
}

/// What channels, templates and defaults share.
template <class V>
void visit(V& v, live::ChannelSettings& c) {
    using namespace std::chrono_literals;
    v.field("preset",
            c.preset,
            TextKind{TextKind::Rule::kPreset},
            "passthrough, a ladder preset's name, or a file");
    v.sections("inputs", c.inputs, 16, "best first");
    v.section("output", c.output, "what viewers get");
    v.field("conflict",
            c.conflict,
            ChoiceKind{kConflictNames},
            "a second publisher, while the first delivers");
    v.field("grace", c.grace, time_between(0s, 1h), "a publisher who is back by then goes on");
    v.field("silence", c.silence, time_between(200ms, 60s), "then a backup takes over");
    v.field("stable", c.stable, time_between(0s, 10min), "of a better input before it takes back");
    v.field("keep_ended", c.keep_ended, time_between(0s, 168h), "an ended stream stays watchable");
    v.section("recording", c.recording, "keeps what arrives");
    v.sections("restream", c.restream, 16, "servers it is sent on to");
    v.section("slate", c.slate, "shown while nothing arrives");
    v.section("srt", c.srt, "encryption of SRT publishers");
}

/// One of `channels`.
struct NamedChannel {
    live::ChannelSettings settings;
};
template <class V>
void visit(V& v, NamedChannel& c) {
    v.field("name", c.settings.name, TextKind{TextKind::Rule::kName}, "APPLICATION/NAME");
    visit(v, c.settings);
}

/// One of `templates`.
template <class V>
void visit(V& v, live::ChannelTemplate& t) {
    v.field("match", t.pattern, kPatternText, "names it makes channels for; * for any");
    visit(v, t.settings);
}

template <class V>
void visit(V& v, ServeSettings& s) {
    v.section("listen", s.listen, "ADDRESS:PORT each, or off");
    v.section("tls", s.tls, "certificate of rtmps and https");
    v.section("srt", s.srt, "the SRT listener");
    v.field("threads", s.threads, IntegerKind{0, 256}, "0: one for each processor");
    v.field("data", s.data, PathKind{}, "folder of jobs, outputs, recordings and DVR");
    v.section("publish", s.publish, "who may publish");
    v.section("limits", s.limits, "bounds");
    v.section("playback", s.playback, "who may watch");
    v.section("jobs", s.jobs, "transcoding jobs");
    v.section("drain", s.drain, "between SIGTERM and the end");
    v.section("api", s.api, "who may use the API");
    v.section("webhooks", s.webhooks, "messages to other services");
    v.section("uploads", s.uploads, "files that come by the API");
    v.sections("watch", s.watch, 1000, "folders whose files become jobs");
    v.section("telemetry", s.telemetry, "traces");
    v.section("log", s.log, "log lines");
    v.section("worker", s.worker, "what runs tasks");
}

/// A whole file.
struct ConfigDocument {
    ServeSettings serve;  ///< but for its channels and templates
    live::ChannelSettings defaults;
    std::vector<NamedChannel> channels;
    std::vector<live::ChannelTemplate> templates;
};
template <class V>
void visit(V& v, ConfigDocument& d) {
    visit(v, d.serve);
    v.section("defaults", d.defaults, "of all channels and templates");
    v.sections("channels", d.channels, 10'000, "channels with a name of their own");
    v.sections("templates", d.templates, 1000, "channels made when somebody publishes");
}

}  // namespace sg::apps
