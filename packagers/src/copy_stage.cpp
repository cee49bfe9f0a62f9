#include <packagers/copy_stage.hpp>

#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>
#include <pipeline/grid.hpp>

#include <cstdlib>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace sg::packagers {
namespace {

using media::Rounding;
using pipeline::Flow;

/// Sound kept in front of presentation zero: the longest encoder delay in use (HE-AAC) and a frame.
constexpr std::int64_t kWarmUpSamples = 4096;

av::CodecParametersPtr parameters_of(const media::StreamInfo& info) {
    av::CodecParametersPtr p(avcodec_parameters_alloc());
    if (p == nullptr) throw std::bad_alloc();
    p->codec_type = AVMEDIA_TYPE_AUDIO;
    p->codec_id = av::codec_to_av(info.codec);
    p->sample_rate = info.sample_rate;
    return p;
}

}  // namespace

struct CopyStage::State {
    std::string name;
    bool video = false;
    std::int64_t timescale = 0;
    std::int64_t frame_duration = 0;  ///< video at a constant rate, else 0
    media::Rational frame_rate{0, 1};
    std::int64_t frame_samples = 0;  ///< audio

    media::StreamInfoPtr info;  ///< of the packets that come in
    bool announced = false;
    std::int64_t next_sample = media::kNoTime;
    av::BsfPtr strip_adts;
};

CopyStage::CopyStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
CopyStage::~CopyStage() = default;

Result<std::unique_ptr<CopyStage>> CopyStage::create_video(const pipeline::VideoRendition& rendition) {
    auto state = std::make_unique<State>();
    state->name = rendition.name;
    state->video = true;
    state->timescale = rendition.timescale;
    state->frame_duration = rendition.frame_duration;
    state->frame_rate = rendition.frame_rate;
    return std::unique_ptr<CopyStage>(new CopyStage(std::move(state)));
}

Result<std::unique_ptr<CopyStage>> CopyStage::create_audio(const pipeline::AudioRendition& rendition) {
    auto state = std::make_unique<State>();
    state->name = rendition.name;
    state->timescale = rendition.sample_rate;
    state->frame_samples = rendition.frame_samples;
    return std::unique_ptr<CopyStage>(new CopyStage(std::move(state)));
}

Status CopyStage::start(media::StreamInfoPtr info) {
    auto& s = *state_;
    if (s.info != nullptr) {
        if (s.info->extradata == info->extradata) return {};
        return Error{Errc::kMismatch, fmt::format("copy {}: the source changes its parameters in mid-stream, which needs encoding: choose another preset", s.name)};
    }
    s.info = std::move(info);
    // Without an AudioSpecificConfig the frames carry it in ADTS headers (ISO/IEC 14496-3 1.A.2.2).
    if (s.info->codec == media::CodecId::kAac && s.info->extradata.empty()) {
        const auto* filter = av_bsf_get_by_name("aac_adtstoasc");
        AVBSFContext* context = nullptr;
        SG_TRY(av::check(filter == nullptr ? AVERROR_BSF_NOT_FOUND : av_bsf_alloc(filter, &context), "copy " + s.name));
        s.strip_adts.reset(context);
        const auto parameters = parameters_of(*s.info);
        SG_TRY(av::check(avcodec_parameters_copy(context->par_in, parameters.get()), "copy " + s.name));
        context->time_base_in = av::to_av(s.info->timebase);
        SG_TRY(av::check(av_bsf_init(context), "copy " + s.name));
    }
    return {};
}

Result<Flow> CopyStage::process(int /*port*/, pipeline::Item item, pipeline::Emit& out) {
    if (const auto* begin = std::get_if<pipeline::StreamStart>(&item)) {
        SG_TRY(start(begin->info));
        return Flow::kContinue;
    }
    if (auto* packet = std::get_if<media::Packet>(&item)) return take(std::move(*packet), out);
    if (std::holds_alternative<pipeline::Discontinuity>(item)) return Flow::kContinue;
    return out.emit(0, std::move(item));
}

Result<Flow> CopyStage::take(media::Packet packet, pipeline::Emit& out) {
    auto& s = *state_;
    const auto pts = packet.pts() != media::kNoTime ? packet.pts() : packet.dts();
    if (pts == media::kNoTime) return Error{Errc::kBadData, fmt::format("copy {}: a packet has no time; choose a preset that encodes", s.name)};
    auto* native = packet.native();
    if (s.video) {
        if (pts < -1'000'000 || (native->flags & AV_PKT_FLAG_DISCARD) != 0) return Flow::kContinue;
        if (s.frame_duration > 0) {
            native->pts = pipeline::FrameGrid{s.frame_rate, 0}.first_frame_showing(pts) * s.frame_duration;
            native->duration = s.frame_duration;
        } else {
            native->pts = media::rescale(pts, media::kNanoseconds, {1, s.timescale}, Rounding::kNearest);
            native->duration = media::rescale(packet.duration(), media::kNanoseconds, {1, s.timescale}, Rounding::kNearest);
        }
        // Decode times follow from presentation times; only how far they lead is kept.
        if (packet.dts() != media::kNoTime) {
            native->dts = native->pts - media::rescale(pts - packet.dts(), media::kNanoseconds, {1, s.timescale}, Rounding::kNearest);
        }
        return send(std::move(packet), out);
    }

    const auto samples = s.frame_samples > 0 ? s.frame_samples : media::rescale(packet.duration(), media::kNanoseconds, {1, s.timescale}, Rounding::kNearest);
    const auto at = media::rescale(pts, media::kNanoseconds, {1, s.timescale}, Rounding::kNearest);
    // Counted while the container's times agree to half a frame; a real jump is followed.
    if (s.next_sample == media::kNoTime || std::abs(at - s.next_sample) > std::max<std::int64_t>(samples / 2, 64)) s.next_sample = at;
    const auto start_at = s.next_sample;
    s.next_sample += samples;
    if (start_at + samples <= -kWarmUpSamples) return Flow::kContinue;
    const bool presented = start_at + samples > 0;
    if (!presented && (native->flags & AV_PKT_FLAG_DISCARD) == 0 && start_at < -kWarmUpSamples) return Flow::kContinue;
    native->pts = native->dts = start_at;
    native->duration = samples;
    if (s.strip_adts == nullptr) return send(std::move(packet), out);

    SG_TRY(av::check(av_bsf_send_packet(s.strip_adts.get(), native), "copy " + s.name));
    for (;;) {
        media::Packet bare;
        const int rc = av_bsf_receive_packet(s.strip_adts.get(), bare.native());
        if (rc == AVERROR(EAGAIN)) return Flow::kContinue;
        SG_TRY(av::check(rc, "copy " + s.name));
        SG_TRY_ASSIGN(const auto flow, send(std::move(bare), out));
        if (flow == Flow::kDone) return flow;
    }
}

Result<Flow> CopyStage::send(media::Packet packet, pipeline::Emit& out) {
    auto& s = *state_;
    if (!s.announced) {
        s.announced = true;
        auto info = std::make_shared<media::StreamInfo>(*s.info);
        info->timebase = {1, s.timescale};
        std::size_t size = 0;
        // The first packet brings what its ADTS header said.
        const auto* extradata = av_packet_get_side_data(packet.native(), AV_PKT_DATA_NEW_EXTRADATA, &size);
        if (extradata != nullptr && info->extradata.empty()) {
            info->extradata.resize(size);
            std::memcpy(info->extradata.data(), extradata, size);
        }
        SG_TRY_ASSIGN(const auto flow, out.emit(0, pipeline::StreamStart{std::move(info)}));
        if (flow == Flow::kDone) return flow;
    }
    return out.emit(0, std::move(packet));
}

}  // namespace sg::packagers
