#include "known_streams.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <formats/codec_config.hpp>
#include <formats/h264.hpp>
#include <media_av/libav.hpp>

namespace sg::ingest {
namespace {

constexpr int kSequenceParameterSet = 7;
constexpr unsigned kUnspecified = 2;

/// The only one there is.
std::optional<formats::H264Sps> read_sps(const AVCodecParameters& par) {
    const auto record =
        std::as_bytes(std::span(par.extradata, static_cast<std::size_t>(par.extradata_size)));
    const auto config = formats::make_codec_config(formats::Codec::kH264, record);
    if (!config || config->from_annex_b) return std::nullopt;
    std::optional<formats::H264Sps> only;
    for (const auto& set : config->parameter_sets) {
        if (set.empty() || (std::to_integer<int>(set[0]) & 31) != kSequenceParameterSet) continue;
        auto sps = formats::parse_h264_sps(set);
        if (!sps || only) return std::nullopt;
        only = *sps;
    }
    return only;
}

/// The bitstream's word counts over the container's; where it is silent, or says no known value,
/// what the decoder makes of both is left to it.
bool settled(unsigned said, int container, const char* name) {
    if (said == kUnspecified) return container == static_cast<int>(kUnspecified);
    return said != 0 && name != nullptr;
}

bool describe_h264(AVCodecParameters& par) {
    const auto sps = read_sps(par);
    if (!sps) return false;
    const auto& facts = sps->facts;
    const bool plain = !facts.interlaced && facts.bit_depth == 8 && sps->bit_depth_chroma == 8 &&
                       facts.chroma_format == 1 && facts.reorder_depth >= 0 &&
                       (facts.reorder_depth > 0) == (par.video_delay > 0) &&
                       par.width == static_cast<int>(facts.width) &&
                       par.height == static_cast<int>(facts.height);
    const auto primaries = static_cast<AVColorPrimaries>(facts.colour_primaries);
    const auto transfer = static_cast<AVColorTransferCharacteristic>(facts.transfer);
    const auto matrix = static_cast<AVColorSpace>(facts.matrix);
    const bool colour =
        settled(facts.colour_primaries, par.color_primaries, av_color_primaries_name(primaries)) &&
        settled(facts.transfer, par.color_trc, av_color_transfer_name(transfer)) &&
        settled(facts.matrix, par.color_space, av_color_space_name(matrix)) &&
        (facts.range_known || par.color_range == AVCOL_RANGE_UNSPECIFIED) &&
        // Such a picture may name another transfer for itself.
        primaries != AVCOL_PRI_BT2020;
    if (!plain || !colour) return false;
    par.video_delay = std::max(par.video_delay, facts.reorder_depth);
    par.format = facts.full_range ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    par.color_primaries = primaries;
    par.color_trc = transfer;
    par.color_space = matrix;
    if (facts.range_known) par.color_range = facts.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (facts.sar_num != 0)
        par.sample_aspect_ratio = {static_cast<int>(facts.sar_num),
                                   static_cast<int>(facts.sar_den)};
    return true;
}

}  // namespace

bool describe_known_stream(const AVFormatContext& context, AVStream& stream) {
    if (!std::string_view(context.iformat->name).starts_with("mov,")) return false;
    auto& par = *stream.codecpar;
    // avc3 holds its parameter sets in the stream.
    const bool configured = par.codec_tag == MKTAG('a', 'v', 'c', '1');
    return par.codec_id == AV_CODEC_ID_H264 && configured && par.extradata_size > 0 &&
           describe_h264(par);
}

}  // namespace sg::ingest
