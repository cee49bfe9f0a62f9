#include <base/digest.hpp>
#include <packagers/cmaf_init.hpp>

namespace sg::packagers {

namespace {

// transfer_characteristics, ISO/IEC 23091-2 section 8.2.
constexpr std::uint32_t kTransferPq = 16;
constexpr std::uint32_t kTransferHlg = 18;

VideoRange range_of(std::uint32_t transfer) {
    if (transfer == kTransferPq) return VideoRange::kPq;
    return transfer == kTransferHlg ? VideoRange::kHlg : VideoRange::kSdr;
}

}  // namespace

Result<CmafInit> make_cmaf_init(const formats::InitTrack& track, std::int64_t offset) {
    CmafInit init;
    SG_TRY(formats::append_init_segment(std::span(&track, 1), init.bytes));
    TrackDescription& description = init.description;
    description.codecs = track.config.codecs;
    description.timescale = track.timescale;
    description.offset = offset;
    description.init_file = "init-" + sha256_hex(init.bytes).substr(0, 8) + ".mp4";
    description.init_bytes = init.bytes.size();
    description.language = track.language;
    if (!formats::is_video(track.config.codec)) {
        description.type = TrackType::kAudio;
        description.sample_rate = track.config.audio.sample_rate;
        description.channels = track.config.audio.channels;
        return init;
    }
    const formats::VideoFacts& video = track.config.video;
    description.type = TrackType::kVideo;
    description.width = video.width;
    description.height = video.height;
    description.sar_num = video.sar_num == 0 ? 1 : video.sar_num;
    description.sar_den = video.sar_num == 0 ? 1 : video.sar_den;
    description.frame_rate_num = video.frame_rate_num;
    description.frame_rate_den = video.frame_rate_den;
    description.range = range_of(video.transfer);
    description.colour_primaries = static_cast<int>(video.colour_primaries);
    description.transfer = static_cast<int>(video.transfer);
    description.matrix = static_cast<int>(video.matrix);
    description.full_range = video.full_range;
    return init;
}

}  // namespace sg::packagers
