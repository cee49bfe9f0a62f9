#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include <media_av/libav.hpp>
#include <transcoders/filters.hpp>

namespace sg::transcoders {
namespace {

using pipeline::FilterStep;

const char* zscale_primaries(int code) {
    switch (code) {
        case 1:
            return "709";
        case 5:
            return "bt470bg";
        case 6:
            return "170m";
        case 11:
            return "smpte431";
        case 12:
            return "smpte432";
        default:
            return "2020";
    }
}
const char* zscale_matrix(int code) {
    switch (code) {
        case 1:
            return "709";
        case 5:
            return "470bg";
        case 6:
            return "170m";
        default:
            return "2020_ncl";
    }
}

}  // namespace

std::vector<FilterStep> tonemap_filters(const media::Colour& colour,
                                        const std::optional<media::MasteringDisplay>& mastering,
                                        const std::optional<media::ContentLight>& light) {
    // Nominal white: ITU-R BT.2408 puts it at 203 cd/m2 for PQ. zimg makes linear light of HLG with
    // its nominal peak of 1000 cd/m2.
    constexpr std::int64_t kWhite = 203;
    std::int64_t peak = 1000;
    if (colour.pq()) {
        if (light && light->max_cll > 0) {
            peak = light->max_cll;
        } else if (mastering && mastering->max_luminance > 0) {
            peak = mastering->max_luminance / 10000;
        }
    }
    peak = std::clamp<std::int64_t>(peak, 400, 4000);
    const std::int64_t peak_x1000 = peak * 1000 / kWhite;
    return {
        {"zscale",
         fmt::format("pin={0}:tin={1}:min={2}:rin={3}:p={0}:t=linear:npl={4}:agamma=0",
                     zscale_primaries(colour.primaries),
                     colour.hlg() ? "arib-std-b67" : "smpte2084",
                     zscale_matrix(colour.matrix),
                     colour.full_range ? "full" : "limited",
                     kWhite)},
        {"format", "gbrpf32le"},
        {"zscale",
         fmt::format("pin={}:tin=linear:p=709:t=linear", zscale_primaries(colour.primaries))},
        {"tonemap",
         fmt::format("tonemap=hable:desat=0:peak={}.{:03}", peak_x1000 / 1000, peak_x1000 % 1000)},
        {"zscale", "pin=709:tin=linear:p=709:t=709:m=709:r=limited:d=none"},
        {"format", "yuv420p"},
    };
}

std::vector<FilterStep> deinterlace_filters(DeinterlaceOutput output,
                                            DeinterlaceWhich which,
                                            FieldOrder order) {
    const char* parity = order == FieldOrder::kTopFirst
                             ? "tff"
                             : (order == FieldOrder::kBottomFirst ? "bff" : "auto");
    return {{"bwdif",
             fmt::format("mode={}:parity={}:deint={}",
                         output == DeinterlaceOutput::kField ? "send_field" : "send_frame",
                         parity,
                         which == DeinterlaceWhich::kAll ? "all" : "interlaced"),
             1,
             1}};
}

std::vector<FilterStep> rotation_filters(std::int64_t degrees_clockwise,
                                         bool flip_horizontally,
                                         bool flip_vertically) {
    std::vector<FilterStep> steps;
    if (flip_horizontally) steps.push_back({"hflip", ""});
    if (flip_vertically) steps.push_back({"vflip", ""});
    switch (((degrees_clockwise % 360) + 360) % 360) {
        case 90:
            steps.push_back({"transpose", "dir=clock"});
            break;
        case 180:
            steps.push_back({"hflip", ""});
            steps.push_back({"vflip", ""});
            break;
        case 270:
            steps.push_back({"transpose", "dir=cclock"});
            break;
        default:
            break;
    }
    return steps;
}

std::vector<FilterStep> crop_filters(std::int64_t width,
                                     std::int64_t height,
                                     std::int64_t x,
                                     std::int64_t y) {
    return {{"crop", fmt::format("w={}:h={}:x={}:y={}:exact=0", width, height, x, y)}};
}

std::string working_pixel_format(const std::string& source_format) {
    const auto* descriptor = av_pix_fmt_desc_get(av_get_pix_fmt(source_format.c_str()));
    if (descriptor == nullptr) return "";
    const bool rgb = (descriptor->flags &
                      (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER)) != 0;
    int depth = 8;
    for (int i = 0; i < descriptor->nb_components; ++i)
        depth = std::max(depth, descriptor->comp[i].depth);
    int across = descriptor->log2_chroma_w;
    int down = descriptor->log2_chroma_h;
    const int colours =
        descriptor->nb_components - ((descriptor->flags & AV_PIX_FMT_FLAG_ALPHA) != 0 ? 1 : 0);
    if (rgb) {
        across = 0;
        down = 0;
    } else if (colours < 3) {
        across = 1;  // grey: any chroma will do
        down = 1;
    }
    std::string base = "yuv444p";
    if (down > 0) {
        base = "yuv420p";
    } else if (across > 0) {
        base = "yuv422p";
    }
    if (depth > 10) return base + "12le";
    return depth > 8 ? base + "10le" : base;
}

}  // namespace sg::transcoders
