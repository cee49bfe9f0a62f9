#include <algorithm>

#include <fmt/format.h>

#include <packagers/cmaf_init.hpp>
#include <packagers/segmenter.hpp>
#include <pipeline/packaged_codec.hpp>

#include "held_end.hpp"

namespace sg::packagers {
namespace {

using media::CodecId;
using pipeline::Flow;
using pipeline::Item;

/// AC-3, E-AC-3 and MP3 describe themselves in every frame, VP9 in every key frame.
bool described_by_first_sample(CodecId id) {
    return id == CodecId::kAc3 || id == CodecId::kEac3 || id == CodecId::kMp3 ||
           id == CodecId::kVp9;
}

void take_known_video(const media::StreamInfo& info, formats::VideoFacts& v) {
    if (info.width > 0) v.width = static_cast<std::uint32_t>(info.width);
    if (info.height > 0) v.height = static_cast<std::uint32_t>(info.height);
    if (info.sar.positive()) {
        v.sar_num = static_cast<std::uint32_t>(info.sar.num);
        v.sar_den = static_cast<std::uint32_t>(info.sar.den);
    }
    const auto take = [](std::uint32_t& known, int given) {
        if (known == 2 && given != 2) known = static_cast<std::uint32_t>(given);
    };
    take(v.colour_primaries, info.colour.primaries);
    take(v.transfer, info.colour.transfer);
    take(v.matrix, info.colour.matrix);
    if (info.has_mastering_display) {
        const auto& m = info.mastering_display;
        formats::MasteringDisplay display;
        for (std::size_t i = 0; i < 3; ++i)
            display.primaries[i] = {m.primaries_x[i], m.primaries_y[i]};
        display.white = {m.white_x, m.white_y};
        display.max_luminance = m.max_luminance;
        display.min_luminance = m.min_luminance;
        v.mastering = display;
    }
    if (info.has_content_light)
        v.content_light =
            formats::ContentLight{info.content_light.max_cll, info.content_light.max_fall};
}

formats::InitTrack init_track(const SegmenterConfig& config,
                              const media::StreamInfo& info,
                              formats::CodecConfig codec) {
    formats::InitTrack track;
    track.timescale = static_cast<std::uint32_t>(config.timescale);
    track.config = std::move(codec);
    if (formats::is_video(track.config.codec)) {
        take_known_video(info, track.config.video);
        if (config.frame_rate.positive()) {
            track.config.video.frame_rate_num = static_cast<std::uint32_t>(config.frame_rate.num);
            track.config.video.frame_rate_den = static_cast<std::uint32_t>(config.frame_rate.den);
        }
    }
    if (!config.track.language.empty()) track.language = config.track.language;
    return track;
}

/// H.264 streams that do not say are taken to reorder; AV1 and VP9 hide their reordering from
/// containers.
bool reorders(const formats::CodecConfig& codec) {
    const bool may = codec.codec == formats::Codec::kH264 || codec.codec == formats::Codec::kHevc;
    return may && codec.video.reorder_depth != 0;
}

}  // namespace

Result<formats::CodecConfig> codec_config(const media::StreamInfo& info,
                                          std::span<const std::byte> first_sample) {
    const auto codec = pipeline::packaged_codec(info.codec);
    if (!codec)
        return Error{
            Errc::kUnsupported,
            fmt::format("package {}: it has no place in CMAF", media::codec_name(info.codec))};
    const std::span<const std::byte> declared(info.extradata);
    const bool by_sample = described_by_first_sample(info.codec);
    // What AV1 encoders declare before the first picture (SVT-AV1) is not always what they write.
    const bool sample_first = by_sample || info.codec == CodecId::kAv1;
    auto config = formats::make_codec_config(*codec, sample_first ? first_sample : declared);
    // Either place may leave the sequence header to the other.
    if (!config && !by_sample && config.error().code == Errc::kAgain) {
        config = formats::make_codec_config(*codec, sample_first ? declared : first_sample);
    }
    return config;
}

Segmenter::Segmenter(SegmenterConfig config, SegmentSink& sink)
    : config_(std::move(config)), sink_(sink) {}

Result<std::unique_ptr<Segmenter>> Segmenter::create(SegmenterConfig config, SegmentSink& sink) {
    if (config.borders.size() < 2 || config.timescale <= 0) {
        return Error{
            Errc::kInternal,
            fmt::format("segmenter of {}: no borders or no timescale", config.track.rendition)};
    }
    return std::unique_ptr<Segmenter>(new Segmenter(std::move(config), sink));
}

Result<Flow> Segmenter::process(int /*port*/, Item item, pipeline::Emit& /*out*/) {
    if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) {
        if (info_ != nullptr) {
            return Error{
                Errc::kMismatch,
                fmt::format("rendition {}: the encoder changed its parameters in mid-stream",
                            config_.track.rendition)};
        }
        info_ = start->info;
    } else if (const auto* packet = std::get_if<media::Packet>(&item)) {
        SG_TRY(add(*packet));
    } else if (std::holds_alternative<pipeline::EndOfStream>(item)) {
        SG_TRY(finish());
    }
    return Flow::kContinue;
}

Result<TrackStart> start_track(const SegmenterConfig& config,
                               const media::StreamInfo& info,
                               std::span<const std::byte> first_sample) {
    auto codec = codec_config(info, first_sample);
    if (!codec) return codec.error().within("rendition " + config.track.rendition);
    formats::keep_priming(*codec);
    TrackStart start;
    start.writer.annex_b = codec->from_annex_b;
    start.writer.layout.offset = config.offset;
    if (reorders(*codec)) start.writer.layout.decode_lead = config.decode_lead;
    auto track = init_track(config, info, *codec);
    start.writer.codec = track.config;
    SG_TRY_ASSIGN(start.init, make_cmaf_init(track, config.offset));
    auto& made = start.init.description;
    made.rendition = config.track.rendition;
    made.language = config.track.language;
    made.label = config.track.label;
    made.is_default = config.track.is_default;
    made.describes_video = config.track.describes_video;
    made.source_track = config.track.source_track;
    return start;
}

Status Segmenter::start_writer(std::span<const std::byte> first_sample) {
    if (info_ == nullptr)
        return Error{Errc::kInternal, "segmenter: a packet before its stream's start"};
    SG_TRY_ASSIGN(auto start, start_track(config_, *info_, first_sample));
    start.writer.digests = config_.digests;
    SG_TRY_ASSIGN(writer_, CmafTrackWriter::create(std::move(start.writer)));
    return sink_.on_track(start.init.description, start.init.bytes);
}

Status Segmenter::add(const media::Packet& packet) {
    if (!writer_) SG_TRY(start_writer(packet.data()));
    const auto ticks = [&](std::int64_t t) {
        return media::rescale(
            t, info_->timebase, {1, config_.timescale}, media::Rounding::kNearest);
    };
    SampleView sample;
    sample.data = packet.data();
    sample.pts = ticks(packet.pts());
    sample.duration = static_cast<std::uint32_t>(
        config_.sample_duration > 0 ? config_.sample_duration : ticks(packet.duration()));
    const bool video = media::is_video(info_->codec);
    sample.key = !video || packet.key();

    const auto last = config_.borders.size() - 2;
    if (sample.key && current_ < last && sample.pts >= config_.borders[current_ + 1]) {
        SG_TRY(close_segment());
    }
    if (!writer_->has_samples()) {
        const auto border = config_.borders[current_];
        if (video && sample.pts != border) {
            return Error{Errc::kMismatch,
                         fmt::format("rendition {}: segment {} should start at tick {} with a key "
                                     "frame, but the encoder gave one at {}",
                                     config_.track.rendition,
                                     config_.first_number + static_cast<std::int64_t>(current_),
                                     border,
                                     sample.pts)};
        }
    }
    last_end_ = std::max(last_end_, sample.pts + sample.duration);
    return writer_->add_sample(sample);
}

Status Segmenter::close_segment() {
    const auto number = config_.first_number + static_cast<std::int64_t>(current_);
    std::optional<std::int64_t>
        end;  // pictures last to the border; audio frames have their own length
    if (media::is_video(info_->codec)) {
        end = config_.borders[current_ + 1];
    } else if (config_.hold_last_sample && current_ + 2 == config_.borders.size()) {
        end = held_end(last_end_, config_.borders.back(), config_.timescale);
    }
    SG_TRY_ASSIGN(auto segment, writer_->end_segment(number, end));
    if (config_.hold_last_sample && current_ + 2 == config_.borders.size())
        segment.index.duration = std::min(segment.index.duration, last_end_ - segment.index.start);
    if (config_.every_sample_planned) {
        const auto planned =
            (config_.borders[current_ + 1] - config_.borders[current_]) / config_.sample_duration;
        if (segment.index.samples != planned) {
            return Error{
                Errc::kMismatch,
                fmt::format("rendition {}: segment {} has {} pictures where the plan has {}",
                            config_.track.rendition,
                            number,
                            segment.index.samples,
                            planned)};
        }
    }
    SG_TRY(sink_.on_segment(segment));
    ++current_;
    return {};
}

Status Segmenter::finish() {
    if (finished_) return {};
    finished_ = true;
    if (writer_ && writer_->has_samples()) SG_TRY(close_segment());
    if (current_ + 1 != config_.borders.size()) {
        return Error{Errc::kMismatch,
                     fmt::format("rendition {}: {} of {} planned segments were made",
                                 config_.track.rendition,
                                 current_,
                                 config_.borders.size() - 1)};
    }
    return {};
}

}  // namespace sg::packagers
