#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <formats/adts.hpp>
#include <formats/hdr_metadata.hpp>
#include <formats/nal.hpp>
#include <formats/scte35.hpp>
#include <ingest/facts.hpp>
#include <ingest/ts_depacketizer.hpp>

#include "opus_head.hpp"
#include "parameter_sets.hpp"
#include "same_stream.hpp"

namespace sg::ingest {

namespace {

using formats::Codec;
using formats::ts::AccessUnit;
using formats::ts::Program;
using formats::ts::Track;
using formats::ts::TrackFormat;

/// 90 kHz.
constexpr std::int64_t kLongestWait = 45'000;
constexpr std::int64_t kLongestWaitForKey = 450'000;
constexpr std::size_t kMostHeld = 2000;
constexpr std::size_t kMostLeftOut = 64;
constexpr std::size_t kMostHeldBytes = std::size_t{8} << 20U;
/// Headers of MPEG audio, and the leading fields of AC-3 that its configuration is made from.
constexpr std::size_t kFrameHeader = 8;

bool is_video(TrackFormat format) {
    return format == TrackFormat::kH264 || format == TrackFormat::kHevc;
}

bool is_media(TrackFormat format) {
    return format != TrackFormat::kScte35 && format != TrackFormat::kOther;
}

}  // namespace

TsDepacketizer::TrackState::TrackState() = default;
TsDepacketizer::TrackState::~TrackState() = default;

/// The one that was chosen before, or that the options name; else the first in the table's order.
const Program* TsDepacketizer::choose(std::span<const Program> programs) const {
    const Program* first = nullptr;
    for (const Program& program : programs) {
        if (!program.described) continue;
        const unsigned wanted =
            options_.program != 0 ? options_.program : static_cast<unsigned>(program_);
        if (program.number == wanted) return &program;
        const bool media = std::any_of(program.tracks.begin(),
                                       program.tracks.end(),
                                       [](const Track& track) { return is_media(track.format); });
        if (first == nullptr && media) first = &program;
    }
    return options_.program == 0 ? first : nullptr;
}

void TsDepacketizer::on_programs(std::span<const Program> programs) {
    undecided_.clear();
    const bool listed =
        options_.program == 0 || std::any_of(programs.begin(), programs.end(), [&](const auto& p) {
            return p.number == options_.program;
        });
    if (!listed) leave_out(fmt::format("program {}: the stream has none", options_.program));
    const Program* chosen = choose(programs);
    // A table that is lost for a moment ends nothing.
    if (chosen == nullptr) return;
    const bool first = program_ == 0 && options_.program == 0;
    const bool earlier_ones =
        first && std::any_of(programs.data(), chosen, [](const Program& program) {
            return !program.described;
        });
    // The table of the one that should be first may be on its way.
    if (earlier_ones)
        undecided_.assign(programs.begin(), programs.end());
    else
        take_program(*chosen);
}

void TsDepacketizer::wait_for_tables(const AccessUnit& unit) {
    if (undecided_.empty() || !unit.pts) return;
    if (!undecided_since_) undecided_since_ = *unit.pts;
    const auto waited = (*unit.pts - *undecided_since_) & ((std::int64_t{1} << 33U) - 1);
    if (waited < kLongestWait) return;
    const auto programs = std::exchange(undecided_, {});
    if (const Program* chosen = choose(programs)) take_program(*chosen);
}

void TsDepacketizer::take_program(const Program& chosen) {
    program_ = static_cast<int>(chosen.number);
    for (auto it = tracks_.begin(); it != tracks_.end();) {
        const bool stays =
            std::any_of(chosen.tracks.begin(), chosen.tracks.end(), [&](const Track& track) {
                return track.pid == it->first && track.format == it->second.source.format;
            });
        if (!stays && it->second.announced) sink_.on_track_end(it->second.track.id);
        it = stays ? std::next(it) : tracks_.erase(it);
    }
    for (const Track& source : chosen.tracks) {
        if (source.format == TrackFormat::kOther) {
            leave_out(fmt::format("PID 0x{:x}: {}", source.pid, source.name));
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

void TsDepacketizer::leave_out(std::string what) {
    if (left_out_.size() >= kMostLeftOut) return;
    const auto [told, fresh] = left_out_.insert(std::move(what));
    if (fresh) sink_.on_left_out(*told);
}

bool TsDepacketizer::configure(TrackState& state, Codec codec, std::vector<std::byte> header) {
    if (state.announced && header == state.header) return true;
    if (!take(state, formats::make_codec_config(codec, header))) return false;
    state.header = std::move(header);
    return true;
}

bool TsDepacketizer::take(TrackState& state, Result<formats::CodecConfig> config) {
    if (!config) {
        ++counters_.bad_configs;
        if (!state.announced && !std::exchange(state.refused, true))
            leave_out(fmt::format("PID 0x{:x}: {}", state.source.pid, config.error().message));
        return false;
    }
    if (state.announced && same_stream(*config, state.track.config)) return true;
    state.track.config = std::move(*config);
    state.track.annex_b = state.track.config.from_annex_b;
    state.announced = true;
    sink_.on_track(state.track);
    return true;
}

bool TsDepacketizer::prepare_video(TrackState& state, const AccessUnit& unit) {
    const bool h264 = state.source.format == TrackFormat::kH264;
    const Codec codec = h264 ? Codec::kH264 : Codec::kHevc;
    if (!state.sets) {
        state.sets = std::make_unique<ParameterSets>();
        state.sets->assign(h264 ? formats::NalCodec::kH264 : formats::NalCodec::kHevc, {});
    }
    // Damaged sets would describe another stream. But where every key frame has lost something,
    // its sets mostly have not.
    bool believed = !unit.damaged;
    if (unit.damaged) {
        std::vector<std::byte> found = state.sets->look(unit.bytes, 0);
        believed = !found.empty() && found == state.doubtful;
        state.doubtful = std::move(found);
    }
    const bool changed = believed && state.sets->gather(unit.bytes, 0);
    if (!state.sets->complete()) return false;
    if (changed || !state.started) {
        Result<formats::CodecConfig> config =
            formats::make_codec_config(codec, state.sets->annex_b());
        if (config && !unit.damaged)
            formats::read_hdr_metadata(codec, unit.bytes, 0, config->video);
        return take(state, std::move(config));
    }
    if (unit.damaged) return true;
    formats::CodecConfig config = state.track.config;
    formats::read_hdr_metadata(codec, unit.bytes, 0, config.video);
    return take(state, std::move(config));
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
        case TrackFormat::kAacLatm:
            return configure(state, Codec::kAac, {unit.config.begin(), unit.config.end()});
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
            constexpr unsigned kNotSaid = 255;
            const unsigned channels = state.source.opus_channels;
            std::vector<std::byte> head =
                opus_head(channels == kNotSaid ? 2 : channels, unit.trim_start & 0xFFFFU);
            return configure(state, Codec::kOpus, std::move(head));
        }
        default:
            return false;
    }
}

void TsDepacketizer::on_unit(const AccessUnit& unit) {
    wait_for_tables(unit);
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
        if (key) state.started = prepare_video(state, unit);
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
