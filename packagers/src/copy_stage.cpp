#include <cstring>
#include <string>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <media_av/libav.hpp>
#include <media_av/ptrs.hpp>
#include <packagers/copy_stage.hpp>
#include <packagers/copy_times.hpp>

namespace sg::packagers {
namespace {

using pipeline::Flow;

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
    std::int64_t timescale = 0;
    CopyTimes times;

    media::StreamInfoPtr info;  ///< of the packets that come in
    bool announced = false;
    av::BsfPtr strip_adts;
};

CopyStage::CopyStage(std::unique_ptr<State> state) : state_(std::move(state)) {}
CopyStage::~CopyStage() = default;

Result<std::unique_ptr<CopyStage>> CopyStage::create_video(
    const pipeline::VideoRendition& rendition) {
    return std::unique_ptr<CopyStage>(new CopyStage(std::make_unique<State>(
        State{rendition.name, rendition.timescale, CopyTimes(rendition), {}, false, {}})));
}

Result<std::unique_ptr<CopyStage>> CopyStage::create_audio(
    const pipeline::AudioRendition& rendition) {
    return std::unique_ptr<CopyStage>(new CopyStage(std::make_unique<State>(
        State{rendition.name, rendition.sample_rate, CopyTimes(rendition), {}, false, {}})));
}

Status CopyStage::start(media::StreamInfoPtr info) {
    auto& s = *state_;
    if (s.info != nullptr) {
        if (s.info->extradata == info->extradata) return {};
        return Error{Errc::kMismatch,
                     fmt::format("copy {}: the source changes its parameters in mid-stream, which "
                                 "needs encoding: choose another preset",
                                 s.name)};
    }
    s.info = std::move(info);
    // Without an AudioSpecificConfig the frames carry it in ADTS headers (ISO/IEC 14496-3 1.A.2.2).
    if (s.info->codec == media::CodecId::kAac && s.info->extradata.empty()) {
        const auto* filter = av_bsf_get_by_name("aac_adtstoasc");
        AVBSFContext* context = nullptr;
        SG_TRY(av::check(filter == nullptr ? AVERROR_BSF_NOT_FOUND : av_bsf_alloc(filter, &context),
                         "copy " + s.name));
        s.strip_adts.reset(context);
        const auto parameters = parameters_of(*s.info);
        SG_TRY(av::check(avcodec_parameters_copy(context->par_in, parameters.get()),
                         "copy " + s.name));
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
    if (pts == media::kNoTime)
        return Error{
            Errc::kBadData,
            fmt::format("copy {}: a packet has no time; choose a preset that encodes", s.name)};
    auto* native = packet.native();
    const auto placed =
        s.times.place(pts, packet.duration(), (native->flags & AV_PKT_FLAG_DISCARD) != 0);
    if (!placed) return Flow::kContinue;
    native->pts = placed->pts;
    native->duration = placed->duration;
    native->dts = AV_NOPTS_VALUE;  // decode times follow from presentation times
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
        const auto* extradata =
            av_packet_get_side_data(packet.native(), AV_PKT_DATA_NEW_EXTRADATA, &size);
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
