#include <cstring>
#include <span>

#include <nlohmann/json.hpp>

#include <engine/live_link.hpp>
#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>

#include "task.hpp"

namespace sg::engine {
namespace {

using formats::ByteReader;
using formats::ByteWriter;
using nlohmann::json;

enum class Kind : std::uint8_t {
    kTrack = 1,
    kUnit = 2,
    kTrackEnd = 3,
    kBreak = 4,
    kFinish = 5,
    kRenditions = 6,
    kSample = 7,
    kPast = 8,
    kDropped = 9,
};

constexpr std::uint32_t kKeyFlag = 1;
constexpr std::uint32_t kDamagedFlag = 2;
constexpr std::size_t kMaxRenditions = 64;
constexpr int kMaxDepth = 4;
/// Of times and rates: sums and differences of them are far from any overflow.
constexpr std::int64_t kMaxNumber = 1'000'000'000'000'000'000;

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Kind, number, flags, two times, then the media.
std::string timed(Kind kind,
                  std::size_t number,
                  std::uint32_t flags,
                  std::int64_t pts,
                  std::int64_t dts,
                  std::span<const std::byte> data) {
    std::vector<std::byte> out;
    out.reserve(22 + data.size());
    ByteWriter w(out);
    w.u8(static_cast<std::uint32_t>(kind));
    w.u32(static_cast<std::uint32_t>(number));
    w.u8(flags);
    w.u64(static_cast<std::uint64_t>(pts));
    w.u64(static_cast<std::uint64_t>(dts));
    w.bytes(data);
    return text_of(out);
}

std::string unit_text(Kind kind, const ingest::TimedUnit& unit) {
    return timed(kind,
                 static_cast<std::size_t>(unit.track),
                 (unit.key ? kKeyFlag : 0) | (unit.damaged ? kDamagedFlag : 0),
                 unit.pts_ns,
                 unit.dts_ns,
                 unit.data);
}

std::string described(Kind kind, const json& text) {
    return static_cast<char>(kind) + text.dump(-1, ' ', false, json::error_handler_t::replace);
}

json bytes_json(const std::vector<std::byte>& bytes) {
    auto array = json::array();
    for (const auto b : bytes) array.push_back(std::to_integer<int>(b));
    return array;
}

[[noreturn]] void refuse(const char* why) {
    throw json::other_error::create(501, why, nullptr);
}

json parsed(std::string_view text) {
    return json::parse(text, [](int depth, json::parse_event_t, const json& value) {
        if (depth > kMaxDepth) refuse("nested too deeply");
        if (value.is_number_float()) refuse("a number that is not whole");
        return true;
    });
}

std::vector<std::byte> bytes_of(const json& array) {
    std::vector<std::byte> bytes;
    for (const auto& b : array) bytes.push_back(static_cast<std::byte>(b.get<int>() & 0xff));
    return bytes;
}

formats::Codec codec_of(const json& number) {
    const auto value = number.get<int>();
    if (value < 0 || value > static_cast<int>(formats::Codec::kMp3)) refuse("no such codec");
    return static_cast<formats::Codec>(value);
}

json to_json(const formats::VideoFacts& v) {
    return {{"size", {v.width, v.height}},
            {"sar", {v.sar_num, v.sar_den}},
            {"rate", {v.frame_rate_num, v.frame_rate_den}},
            {"format", {v.bit_depth, v.chroma_format}},
            {"colour", {v.colour_primaries, v.transfer, v.matrix}},
            {"full_range", v.full_range},
            {"interlaced", v.interlaced}};
}

formats::VideoFacts video_of(const json& j) {
    formats::VideoFacts v;
    const auto pair = [&](const char* key, std::uint32_t& a, std::uint32_t& b) {
        j.at(key).at(0).get_to(a);
        j.at(key).at(1).get_to(b);
    };
    pair("size", v.width, v.height);
    pair("sar", v.sar_num, v.sar_den);
    pair("rate", v.frame_rate_num, v.frame_rate_den);
    pair("format", v.bit_depth, v.chroma_format);
    pair("colour", v.colour_primaries, v.transfer);
    j.at("colour").at(2).get_to(v.matrix);
    j.at("full_range").get_to(v.full_range);
    j.at("interlaced").get_to(v.interlaced);
    return v;
}

LiveSourceTrack track_of(const json& j) {
    LiveSourceTrack track;
    j.at("id").get_to(track.id);
    track.codec = codec_of(j.at("codec"));
    j.at("language").get_to(track.language);
    track.extradata = bytes_of(j.at("extradata"));
    track.video = video_of(j.at("video"));
    const auto& audio = j.at("audio");
    audio.at(0).get_to(track.audio.sample_rate);
    audio.at(1).get_to(track.audio.channels);
    audio.at(2).get_to(track.audio.samples_per_frame);
    audio.at(3).get_to(track.audio.bits_per_sample);
    return track;
}

LiveRenditions renditions_of(const json& list) {
    LiveRenditions all;
    if (!list.is_array() || list.size() > kMaxRenditions) refuse("no list, or too many renditions");
    for (const auto& j : list) {
        LiveRenditionInfo r;
        j.at("name").get_to(r.name);
        r.codec = codec_of(j.at("codec"));
        r.extradata = bytes_of(j.at("extradata"));
        j.at("language").get_to(r.language);
        j.at("label").get_to(r.label);
        j.at("default").get_to(r.is_default);
        j.at("track").get_to(r.source_track);
        j.at("frame_ns").get_to(r.frame_ns);
        j.at("peak").get_to(r.peak);
        j.at("average").get_to(r.average);
        const auto top = static_cast<std::uint64_t>(kMaxNumber);
        if (r.frame_ns < 0 || r.frame_ns > kMaxNumber || r.peak > top || r.average > top)
            refuse("a number that is too large");
        all.renditions.push_back(std::move(r));
    }
    return all;
}

Error malformed(const char* what) {
    return {Errc::kBadData, std::string("live encoding: a malformed message: ") + what};
}

std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string LiveTask::request() const {
    TaskRequest request;
    request.kind = TaskKind::kLive;
    request.source_name = channel;
    request.preset = preset;
    request.segment_ms = segment.count();
    request.low_latency = low_latency;
    return request.to_json();
}

std::vector<std::pair<std::string, std::string>> live_task_environment() {
    return task_environment(TaskKind::kLive);
}

std::string encode(const LiveSourceTrack& t) {
    return described(Kind::kTrack,
                     {{"id", t.id},
                      {"codec", static_cast<int>(t.codec)},
                      {"language", t.language},
                      {"extradata", bytes_json(t.extradata)},
                      {"video", to_json(t.video)},
                      {"audio",
                       {t.audio.sample_rate,
                        t.audio.channels,
                        t.audio.samples_per_frame,
                        t.audio.bits_per_sample}}});
}

std::string encode(const ingest::TimedUnit& unit) {
    return unit_text(Kind::kUnit, unit);
}

std::string encode(const LivePast& past) {
    return unit_text(Kind::kPast, past.unit);
}

std::string encode(LiveTrackEnd end) {
    return timed(Kind::kTrackEnd, static_cast<std::size_t>(end.track), 0, 0, 0, {});
}

std::string encode(LiveBreak at) {
    return timed(Kind::kBreak, 0, 0, at.at_ns, at.at_ns, {});
}

std::string encode(LiveFinish) {
    return timed(Kind::kFinish, 0, 0, 0, 0, {});
}

std::string encode(const LiveRenditions& all) {
    auto list = json::array();
    for (const auto& r : all.renditions) {
        list.push_back({{"name", r.name},
                        {"codec", static_cast<int>(r.codec)},
                        {"extradata", bytes_json(r.extradata)},
                        {"language", r.language},
                        {"label", r.label},
                        {"default", r.is_default},
                        {"track", r.source_track},
                        {"frame_ns", r.frame_ns},
                        {"peak", r.peak},
                        {"average", r.average}});
    }
    return described(Kind::kRenditions, list);
}

std::string encode(const LiveEncodedSample& s) {
    return timed(Kind::kSample, s.rendition, s.key ? kKeyFlag : 0, s.pts_ns, s.dts_ns, s.data);
}

std::string encode(LiveDropped) {
    return timed(Kind::kDropped, 0, 0, 0, 0, {});
}

Result<LiveInputMessage> decode_live_input(std::string_view payload) {
    if (payload.empty()) return malformed("it is empty");
    const auto kind = static_cast<Kind>(payload.front());
    if (kind == Kind::kTrack) {
        try {
            return LiveInputMessage(track_of(parsed(payload.substr(1))));
        } catch (const json::exception& e) {
            return malformed(e.what());
        }
    }
    ByteReader r(std::as_bytes(std::span(payload)).subspan(1));
    const auto track = static_cast<int>(r.u32());
    const auto flags = r.u8();
    const auto pts = r.i64();
    const auto dts = r.i64();
    if (!r.ok()) return malformed("it is too short");
    switch (kind) {
        case Kind::kUnit:
        case Kind::kPast: {
            ingest::TimedUnit unit;
            unit.track = track;
            unit.pts_ns = pts;
            unit.dts_ns = dts;
            unit.key = (flags & kKeyFlag) != 0;
            unit.damaged = (flags & kDamagedFlag) != 0;
            unit.data = copy(r.rest());
            if (kind == Kind::kPast) return LiveInputMessage(LivePast{std::move(unit)});
            return LiveInputMessage(std::move(unit));
        }
        case Kind::kTrackEnd:
            return LiveInputMessage(LiveTrackEnd{track});
        case Kind::kBreak:
            return LiveInputMessage(LiveBreak{pts});
        case Kind::kFinish:
            return LiveInputMessage(LiveFinish{});
        default:
            return malformed("its kind is not known");
    }
}

Result<LiveOutputMessage> decode_live_output(std::string_view payload) {
    if (payload.empty()) return malformed("it is empty");
    const auto kind = static_cast<Kind>(payload.front());
    if (kind == Kind::kRenditions) {
        try {
            return LiveOutputMessage(renditions_of(parsed(payload.substr(1))));
        } catch (const json::exception& e) {
            return malformed(e.what());
        }
    }
    if (kind == Kind::kDropped) return LiveOutputMessage(LiveDropped{});
    if (kind != Kind::kSample) return malformed("its kind is not known");
    ByteReader r(std::as_bytes(std::span(payload)).subspan(1));
    LiveEncodedSample sample;
    sample.rendition = r.u32();
    sample.key = (r.u8() & kKeyFlag) != 0;
    sample.pts_ns = r.i64();
    sample.dts_ns = r.i64();
    if (!r.ok() || r.rest().empty()) return malformed("it is too short");
    for (const auto time : {sample.pts_ns, sample.dts_ns})
        if (time > kMaxNumber || time < -kMaxNumber) return malformed("its time is out of range");
    sample.data = copy(r.rest());
    return LiveOutputMessage(std::move(sample));
}

}  // namespace sg::engine
