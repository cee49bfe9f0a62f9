#include "moving_pictures.hpp"

#include <algorithm>

#include <media_av/libav.hpp>
#include <support/catch.hpp>
#include <transcoders/encoder_settings.hpp>

#if defined(__SANITIZE_ADDRESS__)
/// x265 does not free the copies of strings in its parameters.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libx265\nleak:libSvtAv1Enc\n";
}
#endif

namespace sg::test {
namespace {

/// libav's chatter drowns a failure's report.
const bool kQuiet = [] {
    av_log_set_level(AV_LOG_QUIET);
    return true;
}();

}  // namespace

media::Frame gradient(int width, int height, std::int64_t n, const std::string& pixel_format) {
    auto frame = make_video_frame(width, height, n, 16, pixel_format);
    auto* native = frame.native();
    const auto* descriptor = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(native->format));
    const int depth = descriptor->comp[0].depth;
    const int square = static_cast<int>(n * 3 % std::max(1, width - 16));
    for (int plane = 0; plane < descriptor->nb_components; ++plane) {
        const int w = plane == 0 ? width : AV_CEIL_RSHIFT(width, descriptor->log2_chroma_w);
        const int h = plane == 0 ? height : AV_CEIL_RSHIFT(height, descriptor->log2_chroma_h);
        for (int y = 0; y < h; ++y) {
            auto* row = native->data[plane] + y * native->linesize[plane];
            for (int x = 0; x < w; ++x) {
                int value =
                    plane == 0 ? 40 + static_cast<int>((x + y * 2 + n) % 160) : 118 + (x + y) % 20;
                if (plane == 0 && x >= square && x < square + 16 && y >= 8 && y < 24) value = 220;
                if (depth > 8) {
                    const auto wide = static_cast<std::uint16_t>(value << (depth - 8));
                    row[2 * x] = static_cast<std::uint8_t>(wide & 0xff);
                    row[2 * x + 1] = static_cast<std::uint8_t>(wide >> 8);
                } else {
                    row[x] = static_cast<std::uint8_t>(value);
                }
            }
        }
    }
    return frame;
}

transcoders::VideoEncoderOptions small_encoder(media::CodecId codec, int width, int height) {
    transcoders::EncoderRequest request;
    request.codec = codec;
    request.width = width;
    request.height = height;
    request.gop_frames = 25;
    request.crf_x100 = 3000;
    switch (codec) {
        case media::CodecId::kAv1:
            request.speed = "12";
            break;
        case media::CodecId::kVp9:
            request.speed = "8";
            break;
        default:
            request.speed = "ultrafast";
            break;
    }
    auto settings = transcoders::encoder_settings(request);
    REQUIRE(settings);
    transcoders::VideoEncoderOptions options;
    options.codec = codec;
    options.settings = *settings;
    options.width = width;
    options.height = height;
    options.pixel_format = "yuv420p";
    options.colour = {1, 1, 1, false};
    options.name = "small";
    return options;
}

Encoded encode_gradient(const transcoders::VideoEncoderOptions& options,
                        std::int64_t first,
                        std::int64_t count) {
    auto stage = transcoders::VideoEncoderStage::create(options);
    if (!stage) FAIL(stage.error().message);
    StageHarness harness(std::move(*stage), 1, 1);
    const auto width = static_cast<int>(options.width);
    const auto height = static_cast<int>(options.height);
    auto info = video_info(width, height, options.frame_rate.inverse(), options.frame_rate);
    REQUIRE(harness.start(0, shared(info)));
    const auto gop = options.settings.gop_frames;
    for (std::int64_t n = first; n < first + count; ++n) {
        if ((n - first) % gop == 0) REQUIRE(harness.push(0, pipeline::Cue{}));
        const auto flow = harness.push(0, gradient(width, height, n, options.pixel_format));
        if (!flow) FAIL(flow.error().message);
    }
    const auto ended = harness.end(0);
    if (!ended) FAIL(ended.error().message);
    Encoded out;
    for (const auto& item : harness.emitted()) {
        if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) out.info = start->info;
        if (const auto* packet = std::get_if<media::Packet>(&item))
            out.packets.push_back(packet->share());
    }
    return out;
}

bool same_bytes(const media::Packet& a, const media::Packet& b) {
    return std::ranges::equal(a.data(), b.data()) && a.pts() == b.pts() && a.dts() == b.dts() &&
           a.key() == b.key();
}

}  // namespace sg::test
