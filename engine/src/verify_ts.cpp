#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <formats/nal.hpp>
#include <formats/ts_writer.hpp>

#include "verify_media.hpp"

namespace sg::engine {
namespace {

namespace ts = formats::ts;

constexpr std::uint32_t kClock = 90000;
constexpr std::int64_t kWrap = std::int64_t{1} << 33;

StreamType type_of(std::uint8_t type) {
    switch (static_cast<ts::StreamType>(type)) {
        case ts::StreamType::kH264:
        case ts::StreamType::kHevc:
            return StreamType::kVideo;
        case ts::StreamType::kAac:
        case ts::StreamType::kAc3:
        case ts::StreamType::kEac3:
        case ts::StreamType::kMpeg1Audio:
        case ts::StreamType::kMpeg2Audio:
            return StreamType::kAudio;
    }
    return StreamType::kOther;
}

/// AudioSpecificConfig of an ADTS header (ISO/IEC 14496-3 section 1.A.2.2).
Result<formats::CodecConfig> adts_config(std::span<const std::byte> payload) {
    if (payload.size() < 7 || payload[0] != std::byte{0xff} ||
        (payload[1] & std::byte{0xf6}) != std::byte{0xf0}) {
        return Error{Errc::kBadData, "the first audio frame has no ADTS header"};
    }
    const auto b2 = std::to_integer<unsigned>(payload[2]);
    const auto b3 = std::to_integer<unsigned>(payload[3]);
    const unsigned object = (b2 >> 6) + 1;
    const unsigned rate = b2 >> 2 & 15U;
    const unsigned channels = (b2 & 1U) << 2 | b3 >> 6;
    const unsigned bits = object << 11 | rate << 7 | channels << 3;
    const std::array<std::byte, 2> config{static_cast<std::byte>(bits >> 8),
                                          static_cast<std::byte>(bits & 0xff)};
    return formats::make_codec_config(formats::Codec::kAac, config);
}

Result<formats::CodecConfig> config_of(const ts::ParsedStream& s) {
    switch (static_cast<ts::StreamType>(s.type)) {
        case ts::StreamType::kH264:
            return formats::make_codec_config(formats::Codec::kH264, s.first_payload);
        case ts::StreamType::kHevc:
            return formats::make_codec_config(formats::Codec::kHevc, s.first_payload);
        case ts::StreamType::kAac:
            return adts_config(s.first_payload);
        case ts::StreamType::kAc3:
            return formats::make_codec_config(formats::Codec::kAc3, s.first_payload);
        case ts::StreamType::kEac3:
            return formats::make_codec_config(formats::Codec::kEac3, s.first_payload);
        default:
            return formats::make_codec_config(formats::Codec::kMp3, s.first_payload);
    }
}

class TsReader final : public SegmentReader {
  public:
    TsReader(Track& track, CheckBook& checks) : track_(track), checks_(checks) {}

    [[nodiscard]] bool start(const InitRef&, std::span<const std::byte>) override { return true; }
    void read(const SegmentRef& ref, std::span<const std::byte> bytes) override;
    void skip() override {
        for (auto& s : track_.streams) s.segments.emplace_back();
        continuity_.clear();
    }

  private:
    struct State {
        std::int64_t last = 0;  ///< latest time seen, to unwrap the next
        bool started = false;
        std::int64_t spacing = 0;  ///< of its access units
    };
    void fail(const char* check, std::string detail) {
        checks_.fail(check, track_.subject, std::move(detail));
    }
    void measure(const std::string& label,
                 const ts::ParsedStream& parsed,
                 std::size_t at,
                 std::uint64_t bytes);
    [[nodiscard]] std::vector<std::int64_t> times(const ts::ParsedStream& parsed,
                                                  State& state) const;
    void check_start(const std::string& label,
                     const ts::ParsedStream& parsed,
                     MeasuredSegment& now);
    void check_follows(const std::string& label,
                       const MeasuredStream& stream,
                       const State& state,
                       const MeasuredSegment& now);

    Track& track_;
    CheckBook& checks_;
    ts::Continuity continuity_;
    std::vector<State> states_;
};

void TsReader::read(const SegmentRef& ref, std::span<const std::byte> bytes) {
    const auto label = segment_label(ref);
    checks_.checked(kind::kStructure, track_.subject);
    auto parsed = ts::parse_ts(bytes, continuity_);
    if (!parsed) {
        fail(kind::kStructure, fmt::format("{}: {}", label, parsed.error().message));
        skip();
        return;
    }
    continuity_ = parsed->continuity;
    for (const auto& p : parsed->problems) fail(kind::kStructure, fmt::format("{}: {}", label, p));
    // RFC 8216 section 3.2.
    checks_.expect(parsed->tables_first, kind::kStructure, track_.subject, [&] {
        return label + ": it does not start with PAT and PMT";
    });
    checks_.expect(parsed->clocks > 0, kind::kStructure, track_.subject, [&] {
        return label + ": it has no clock (PCR)";
    });
    if (track_.streams.empty()) {
        for (const auto& s : parsed->streams) {
            auto& made = track_.streams.emplace_back();
            made.timescale = kClock;
            made.type = type_of(s.type);
        }
        states_.resize(track_.streams.size());
    }
    if (parsed->streams.size() != track_.streams.size()) {
        fail(kind::kStructure,
             fmt::format("{}: it has {} streams, the first segment has {}",
                         label,
                         parsed->streams.size(),
                         track_.streams.size()));
        skip();
        return;
    }
    for (std::size_t i = 0; i < track_.streams.size(); ++i)
        measure(label, parsed->streams[i], i, bytes.size());
}

/// Unwrapped presentation times in order of presentation.
std::vector<std::int64_t> TsReader::times(const ts::ParsedStream& parsed, State& state) const {
    std::vector<std::int64_t> shown;
    shown.reserve(parsed.units.size());
    for (const auto& u : parsed.units) {
        if (!u.pts) continue;
        auto t = *u.pts;
        if (state.started) {
            while (t < state.last - kWrap / 2) t += kWrap;
        }
        state.started = true;
        state.last = std::max(state.last, t);
        shown.push_back(t);
    }
    std::sort(shown.begin(), shown.end());
    return shown;
}

void TsReader::measure(const std::string& label,
                       const ts::ParsedStream& parsed,
                       std::size_t at,
                       std::uint64_t bytes) {
    auto& stream = track_.streams[at];
    auto& state = states_[at];
    MeasuredSegment now;
    now.bytes = bytes;
    if (stream.type == StreamType::kOther) {
        stream.segments.push_back(std::move(now));
        return;
    }
    if (!stream.codec && !parsed.units.empty()) {
        auto config = config_of(parsed);
        if (config) {
            stream.codec = std::move(config).value();
        } else {
            checks_.warn(
                kind::kInit,
                track_.subject,
                fmt::format(
                    "{}: {}; what it declares is not checked", label, config.error().message));
        }
    }
    const auto shown = times(parsed, state);
    if (shown.empty()) {
        fail(kind::kStructure,
             fmt::format("{}: it has no {} with a time",
                         label,
                         stream.type == StreamType::kVideo ? "picture" : "sound"));
        stream.segments.push_back(std::move(now));
        return;
    }
    std::int64_t shortest = kWrap;
    for (std::size_t i = 1; i < shown.size(); ++i) {
        const auto step = shown[i] - shown[i - 1];
        shortest = std::min(shortest, step);
        stream.longest_sample = std::max(stream.longest_sample, step);
    }
    if (shown.size() > 1)
        state.spacing =
            (shown.back() - shown.front()) / static_cast<std::int64_t>(shown.size() - 1);
    if (stream.type == StreamType::kVideo && shown.size() > 1 &&
        stream.longest_sample - shortest <= 2)
        stream.sample_duration = state.spacing;
    now.known = true;
    now.samples = static_cast<std::int64_t>(parsed.units.size());
    now.decode_time = now.first_shown = shown.front();
    now.duration = shown.back() - shown.front() + state.spacing;
    now.decode_end = now.decode_time + now.duration;
    if (stream.type == StreamType::kVideo) check_start(label, parsed, now);
    check_follows(label, stream, state, now);
    stream.segments.push_back(std::move(now));
}

void TsReader::check_start(const std::string& label,
                           const ts::ParsedStream& parsed,
                           MeasuredSegment& now) {
    const auto codec = static_cast<ts::StreamType>(parsed.type) == ts::StreamType::kHevc
                           ? formats::NalCodec::kHevc
                           : formats::NalCodec::kH264;
    const bool key = formats::access_unit_random_access(codec, parsed.first_payload, 0) !=
                     formats::RandomAccess::kNone;
    const bool flagged = parsed.units.front().random_access;
    now.key = key;
    checks_.expect(key, kind::kKeyFrame, track_.subject, [&] {
        return label + ": its first picture is not a key frame";
    });
    checks_.recommend(!key || flagged, kind::kKeyFrame, track_.subject, [&] {
        return label + ": its key frame lacks random_access_indicator";
    });
    checks_.expect(now.first_shown >= 0 &&
                       (!track_.independent ||
                        parsed.units.front().pts.value_or(0) % kWrap == now.first_shown % kWrap),
                   kind::kKeyFrame,
                   track_.subject,
                   [&] {
                       return label +
                              ": pictures are shown before its key frame (open GOP), but the "
                              "playlist says EXT-X-INDEPENDENT-SEGMENTS";
                   });
}

void TsReader::check_follows(const std::string& label,
                             const MeasuredStream& stream,
                             const State& state,
                             const MeasuredSegment& now) {
    if (stream.segments.empty() || !stream.segments.back().known) return;
    const auto& before = stream.segments.back();
    // Times are rounded to 90 kHz, and a PES packet of audio holds some frames.
    const auto tolerance = stream.type == StreamType::kVideo
                               ? std::max<std::int64_t>(2, state.spacing / 2)
                               : std::max<std::int64_t>(state.spacing, stream.longest_sample) + 2;
    const auto gap = now.decode_time - before.decode_end;
    checks_.expect(std::abs(gap) <= tolerance, kind::kContinuity, track_.subject, [&] {
        return fmt::format("{}: its {} starts at tick {}, the segment before ends at {}: {}",
                           label,
                           stream.type == StreamType::kVideo ? "video" : "audio",
                           now.decode_time,
                           before.decode_end,
                           gap_text(gap, kClock));
    });
}

}  // namespace

std::unique_ptr<SegmentReader> make_ts_reader(Track& track, CheckBook& checks) {
    return std::make_unique<TsReader>(track, checks);
}

}  // namespace sg::engine
