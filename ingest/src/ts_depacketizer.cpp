#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <formats/adts.hpp>
#include <formats/nal.hpp>
#include <formats/scte35.hpp>
#include <ingest/facts.hpp>
#include <ingest/ts_depacketizer.hpp>

namespace sg::ingest {

namespace {

using formats::Codec;
using formats::ts::AccessUnit;
using formats::ts::Program;
using formats::ts::Track;
using formats::ts::TrackFormat;

constexpr std::size_t kMaxParameterSet = std::size_t{64} << 10U;
constexpr std::size_t kMaxParameterSets = 64;
/// 90 kHz.
constexpr std::int64_t kLongestWait = 45'000;
constexpr std::int64_t kLongestWaitForKey = 450'000;
constexpr std::size_t kMostHeld = 2000;
constexpr std::size_t kMostHeldBytes = std::size_t{8} << 20U;
/// Headers of MPEG audio, and the leading fields of AC-3 that its configuration is made from.
constexpr std::size_t kFrameHeader = 8;

bool is_video(TrackFormat format) {
    return format == TrackFormat::kH264 || format == TrackFormat::kHevc;
}

bool is_media(TrackFormat format) {
    return format != TrackFormat::kScte35 && format != TrackFormat::kOther;
}

/// 0 VPS, 1 SPS, 2 PPS, 3 none of them.
unsigned set_kind(TrackFormat format, std::span<const std::byte> nal) {
    if (format == TrackFormat::kH264) {
        const unsigned type = formats::h264_nal_type(nal);
        return type == 7 ? 1 : type == 8 ? 2 : 3;
    }
    const unsigned type = formats::hevc_nal_type(nal);
    return type >= 32 && type <= 34 ? type - 32 : 3;
}

/// OpusHead (RFC 7845 section 5.1) of the channel configuration that the table told. Codes 1 to 8
/// are mapping families 0 and 1 in Vorbis order; empty for others.
std::vector<std::byte> opus_head(unsigned channels, unsigned pre_skip) {
    struct Layout {
        std::uint8_t streams;
        std::uint8_t coupled;
        std::array<std::uint8_t, 8> order;
    };
    static constexpr std::array<Layout, 9> kLayouts{{{0, 0, {}},
                                                     {1, 0, {0}},
                                                     {1, 1, {0, 1}},
                                                     {2, 1, {0, 2, 1}},
                                                     {2, 2, {0, 1, 2, 3}},
                                                     {3, 2, {0, 4, 1, 2, 3}},
                                                     {4, 2, {0, 4, 1, 2, 3, 5}},
                                                     {4, 3, {0, 4, 1, 2, 3, 5, 6}},
                                                     {5, 3, {0, 6, 1, 2, 3, 4, 5, 7}}}};
    if (channels == 255) channels = 2;
    if (channels < 1 || channels > 8) return {};
    static constexpr std::string_view kMagic = "OpusHead";
    std::vector<std::byte> head;
    for (const char letter : kMagic) head.push_back(static_cast<std::byte>(letter));
    const auto put = [&](unsigned value) { head.push_back(static_cast<std::byte>(value & 0xFFU)); };
    put(1);
    put(channels);
    put(pre_skip);
    put(pre_skip >> 8U);
    for (const unsigned byte : {0x80U, 0xBBU, 0U, 0U, 0U, 0U}) put(byte);  // 48 kHz, no gain
    put(channels > 2 ? 1 : 0);
    if (channels > 2) {
        const Layout& layout = kLayouts[channels];
        put(layout.streams);
        put(layout.coupled);
        for (unsigned i = 0; i < channels; ++i) put(layout.order[i]);
    }
    return head;
}

}  // namespace

const Program* TsDepacketizer::choose(std::span<const Program> programs) const {
    const Program* first = nullptr;
    for (const Program& program : programs) {
        if (!program.described) continue;
        if (static_cast<int>(program.number) ==
            (options_.program != 0 ? options_.program : program_)) {
            return &program;
        }
        const bool media = std::any_of(program.tracks.begin(),
                                       program.tracks.end(),
                                       [](const Track& track) { return is_media(track.format); });
        if (first == nullptr && media) first = &program;
    }
    return options_.program == 0 ? first : nullptr;
}

void TsDepacketizer::on_programs(std::span<const Program> programs) {
    const Program* chosen = choose(programs);
    // A table that is lost for a moment ends nothing.
    if (chosen == nullptr) return;
    program_ = static_cast<int>(chosen->number);
    left_out_.clear();
    for (auto it = tracks_.begin(); it != tracks_.end();) {
        const bool stays =
            std::any_of(chosen->tracks.begin(), chosen->tracks.end(), [&](const Track& track) {
                return track.pid == it->first && track.format == it->second.source.format;
            });
        if (!stays && it->second.announced) sink_.on_track_end(it->second.track.id);
        it = stays ? std::next(it) : tracks_.erase(it);
    }
    for (const Track& source : chosen->tracks) {
        if (source.format == TrackFormat::kOther) {
            left_out_.push_back(fmt::format("PID 0x{:x}: {}", source.pid, source.name));
            continue;
        }
        TrackState& state = tracks_[source.pid];
        const bool renamed = state.source.language != source.language;
        state.source = source;
        state.track.id = static_cast<int>(source.pid);
        state.track.program = program_;
        const std::string tag = language_tag(source.language);
        state.track.language = tag == "und" ? "" : tag;
        if (renamed && state.announced) sink_.on_track(state.track);
    }
}

bool TsDepacketizer::configure(TrackState& state, Codec codec, std::vector<std::byte> header) {
    if (state.announced && header == state.header) return true;
    Result<formats::CodecConfig> config = formats::make_codec_config(codec, header);
    if (!config) {
        ++counters_.bad_configs;
        if (!state.announced && !std::exchange(state.refused, true)) {
            left_out_.push_back(
                fmt::format("PID 0x{:x}: {}", state.source.pid, config.error().message));
        }
        return false;
    }
    state.header = std::move(header);
    if (state.announced && config->codec == state.track.config.codec &&
        config->payload == state.track.config.payload) {
        return true;
    }
    state.track.config = std::move(*config);
    state.track.annex_b = state.track.config.from_annex_b;
    state.announced = true;
    sink_.on_track(state.track);
    return true;
}

/// Of a key frame; a kind that comes replaces what was known of it.
void TsDepacketizer::gather_sets(TrackState& state, const AccessUnit& unit) {
    formats::AnnexBNals nals(unit.bytes);
    std::span<const std::byte> nal;
    bool replaced[3] = {false, false, false};
    while (nals.next(nal)) {
        const unsigned kind = set_kind(state.source.format, nal);
        if (kind > 2 || nal.size() > kMaxParameterSet) continue;
        // Sequence parameters begin anew; picture parameters alone join those that are known.
        auto& sets = state.sets[kind];
        if (!replaced[kind] && (kind != 2 || replaced[1])) sets.clear();
        replaced[kind] = true;
        const bool known = std::any_of(sets.begin(), sets.end(), [&](const auto& set) {
            return std::equal(set.begin(), set.end(), nal.begin(), nal.end());
        });
        if (!known && sets.size() < kMaxParameterSets) sets.emplace_back(nal.begin(), nal.end());
    }
}

bool TsDepacketizer::prepare_audio(TrackState& state, const AccessUnit& unit, Bytes& payload) {
    payload = unit.bytes;
    const auto header = [&](std::size_t size) {
        const Bytes front = payload.first(std::min(size, payload.size()));
        return std::vector<std::byte>(front.begin(), front.end());
    };
    switch (state.source.format) {
        case TrackFormat::kAac: {
            const auto adts = formats::parse_adts_header(payload);
            if (!adts || adts->header_bytes >= payload.size()) return false;
            const auto config = adts->audio_specific_config();
            payload = payload.subspan(adts->header_bytes);
            return configure(state, Codec::kAac, {config.begin(), config.end()});
        }
        case TrackFormat::kMpegAudio: {
            // Bit rate, padding and mode extension change from frame to frame.
            std::vector<std::byte> front = header(4);
            if (front.size() == 4 && state.announced && state.header.size() == 4 &&
                front[0] == state.header[0] && front[1] == state.header[1] &&
                (front[2] & std::byte{0x0C}) == (state.header[2] & std::byte{0x0C}) &&
                (front[3] & std::byte{0xC0}) == (state.header[3] & std::byte{0xC0})) {
                return true;
            }
            return configure(state, Codec::kMp3, std::move(front));
        }
        case TrackFormat::kAc3: {
            // The checksum in bytes 2 and 3 differs in each frame and is not looked at.
            std::vector<std::byte> front = header(kFrameHeader);
            if (front.size() == kFrameHeader) front[2] = front[3] = std::byte{0};
            return configure(state, Codec::kAc3, std::move(front));
        }
        case TrackFormat::kEac3: {
            if (state.announced && state.header.size() >= 6 && payload.size() >= 6 &&
                std::equal(payload.begin(), payload.begin() + 6, state.header.begin())) {
                return true;
            }
            return configure(state, Codec::kEac3, header(payload.size()));
        }
        case TrackFormat::kOpus: {
            if (state.announced) return true;
            std::vector<std::byte> head =
                opus_head(state.source.opus_channels, unit.trim_start & 0xFFFFU);
            return configure(state, Codec::kOpus, std::move(head));
        }
        default:
            return false;
    }
}

void TsDepacketizer::on_unit(const AccessUnit& unit) {
    const auto it = tracks_.find(unit.pid);
    if (it == tracks_.end()) {
        ++counters_.other_programs;
        return;
    }
    TrackState& state = it->second;
    if (!unit.pts) {
        ++counters_.without_time;
        return;
    }
    Bytes payload = unit.bytes;
    const bool video = is_video(state.source.format);
    const bool key = !video || unit.random_access != formats::RandomAccess::kNone;
    if (video) {
        if (key) {
            // Damaged sets would describe another stream.
            if (!unit.damaged) gather_sets(state, unit);
            std::vector<std::byte> header;
            for (const auto& sets : state.sets) {
                for (const auto& set : sets) {
                    for (const unsigned byte : {0U, 0U, 0U, 1U}) header.push_back(std::byte(byte));
                    header.insert(header.end(), set.begin(), set.end());
                }
            }
            const bool complete = !state.sets[1].empty() && !state.sets[2].empty();
            state.started =
                complete &&
                configure(state,
                          state.source.format == TrackFormat::kH264 ? Codec::kH264 : Codec::kHevc,
                          std::move(header));
        }
        if (!state.started) {
            ++counters_.before_key;
            return;
        }
    } else if (!prepare_audio(state, unit, payload)) {
        return;
    }
    LiveUnit live;
    live.track = state.track.id;
    live.pts = *unit.pts;
    live.dts = unit.dts.value_or(*unit.pts);
    live.key = key;
    live.damaged = unit.damaged;
    live.data.assign(payload.begin(), payload.end());
    deliver(std::move(live));
}

void TsDepacketizer::deliver(LiveUnit unit) {
    if (begun_) {
        sink_.on_unit(std::move(unit));
        return;
    }
    const bool begins = may_begin(unit);
    held_bytes_ += unit.data.size();
    held_.push_back(std::move(unit));
    if (begins || held_.size() >= kMostHeld || held_bytes_ >= kMostHeldBytes) release();
}

bool TsDepacketizer::may_begin(const LiveUnit& newest) const {
    bool all = true;
    bool pictures_to_come = false;
    for (const auto& [pid, state] : tracks_) {
        if (!is_media(state.source.format) || state.announced || state.refused) continue;
        all = false;
        pictures_to_come = pictures_to_come || is_video(state.source.format);
    }
    if (all) return true;
    if (held_.empty() || newest.track != held_.front().track) return false;
    // Times count in 33 bits.
    const auto span = (newest.dts - held_.front().dts) & ((std::int64_t{1} << 33U) - 1);
    return span >= (pictures_to_come ? kLongestWaitForKey : kLongestWait);
}

void TsDepacketizer::release() {
    begun_ = true;
    held_bytes_ = 0;
    for (auto& unit : std::exchange(held_, {})) sink_.on_unit(std::move(unit));
}

void TsDepacketizer::on_section(const formats::ts::Section& section) {
    const auto it = tracks_.find(section.pid);
    if (it == tracks_.end() || it->second.source.format != TrackFormat::kScte35) return;
    LiveMarker marker;
    marker.kind = LiveMarker::Kind::kScte35;
    marker.time = section.pts.value_or(section.clock.value_or(0));
    // When it takes effect, which is some seconds after it was sent.
    const auto splice = formats::scte35::parse_section(section.bytes);
    if (splice && splice->pts) marker.time = static_cast<std::int64_t>(*splice->pts);
    marker.data.assign(section.bytes.begin(), section.bytes.end());
    sink_.on_marker(std::move(marker));
}

void TsDepacketizer::on_clock(unsigned /*pid*/, std::int64_t /*clock*/, bool /*discontinuity*/) {}

}  // namespace sg::ingest
