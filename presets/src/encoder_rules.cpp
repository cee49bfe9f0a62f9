#include "encoder_rules.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "names.hpp"

namespace sg::presets {

namespace {

std::vector<std::string> x26x_speeds() {
    return {"ultrafast",
            "superfast",
            "veryfast",
            "faster",
            "fast",
            "medium",
            "slow",
            "slower",
            "veryslow"};
}

std::vector<std::string> numbers(int first, int last) {
    std::vector<std::string> out;
    for (int i = first; i <= last; ++i) out.push_back(std::to_string(i));
    return out;
}

EncoderRules h264_rules() {
    EncoderRules r;
    r.profiles = {"baseline", "main", "high"};
    r.levels = {"1",   "1.1", "1.2", "1.3", "2",   "2.1", "2.2", "3",   "3.1", "3.2", "4",
                "4.0", "4.1", "4.2", "5",   "5.0", "5.1", "5.2", "3.0", "6.0", "6.1", "6.2"};
    r.speeds = x26x_speeds();
    r.tunes = {"film", "animation", "grain", "stillimage", "fastdecode", "psnr", "ssim"};
    r.options = {"8x8dct",         "aq-mode",        "aq-strength",
                 "b-adapt",        "b-bias",         "b-pyramid",
                 "cabac",          "chroma-me",      "chroma-qp-offset",
                 "deadzone-inter", "deadzone-intra", "deblock",
                 "dct-decimate",   "direct",         "fast-pskip",
                 "ipratio",        "mbtree",         "me",
                 "merange",        "mixed-refs",     "nr",
                 "partitions",     "pbratio",        "psy",
                 "psy-rd",         "qcomp",          "qpmax",
                 "qpmin",          "qpstep",         "ref",
                 "subme",          "trellis",        "weightb",
                 "weightp"};
    return r;
}

EncoderRules hevc_rules() {
    EncoderRules r;
    r.ten_bit = true;
    r.profiles = {"main", "main10"};
    r.levels = {"2",
                "2.0",
                "2.1",
                "3",
                "3.0",
                "3.1",
                "4",
                "4.0",
                "4.1",
                "5",
                "5.0",
                "5.1",
                "5.2",
                "6",
                "6.0",
                "6.1",
                "6.2"};
    r.speeds = x26x_speeds();
    r.tunes = {"grain", "animation", "fastdecode", "psnr", "ssim"};
    r.options = {"amp",
                 "aq-mode",
                 "aq-strength",
                 "b-adapt",
                 "b-intra",
                 "bframe-bias",
                 "cbqpoffs",
                 "crqpoffs",
                 "ctu",
                 "cutree",
                 "deblock",
                 "early-skip",
                 "ipratio",
                 "limit-modes",
                 "limit-refs",
                 "limit-sao",
                 "limit-tu",
                 "max-merge",
                 "max-tu-size",
                 "me",
                 "merange",
                 "min-cu-size",
                 "nr-inter",
                 "nr-intra",
                 "pbratio",
                 "psy-rd",
                 "psy-rdoq",
                 "qcomp",
                 "qpmax",
                 "qpmin",
                 "rd",
                 "rdoq-level",
                 "rect",
                 "ref",
                 "rskip",
                 "sao",
                 "selective-sao",
                 "signhide",
                 "strong-intra-smoothing",
                 "subme",
                 "tskip",
                 "tu-inter-depth",
                 "tu-intra-depth",
                 "weightb",
                 "weightp"};
    return r;
}

EncoderRules av1_rules() {
    EncoderRules r;
    r.min_crf_x100 = 100;
    r.max_crf_x100 = 6300;
    r.whole_crf = true;
    r.ten_bit = true;
    r.profiles = {"main"};
    r.levels = {"2.0",
                "2.1",
                "3.0",
                "3.1",
                "4.0",
                "4.1",
                "5.0",
                "5.1",
                "5.2",
                "5.3",
                "6.0",
                "6.1",
                "6.2",
                "6.3"};
    r.speeds = numbers(0, 13);
    r.tunes = {"0", "1"};
    r.options = {"aq-mode",
                 "enable-cdef",
                 "enable-dlf",
                 "enable-qm",
                 "enable-restoration",
                 "enable-tf",
                 "fast-decode",
                 "film-grain",
                 "film-grain-denoise",
                 "qm-max",
                 "qm-min",
                 "scm",
                 "tile-columns",
                 "tile-rows"};
    return r;
}

EncoderRules vp9_rules() {
    EncoderRules r;
    r.max_crf_x100 = 6300;
    r.whole_crf = true;
    r.ten_bit = true;
    r.profiles = {"0", "2"};
    r.levels = {"1", "1.1", "2", "2.1", "3", "3.1", "4", "4.1", "5", "5.1", "5.2", "6", "6.1"};
    r.speeds = numbers(0, 8);
    r.tunes = {"psnr", "ssim"};
    r.options = {"aq-mode",
                 "arnr-maxframes",
                 "arnr-strength",
                 "arnr-type",
                 "auto-alt-ref",
                 "overshoot-pct",
                 "qmax",
                 "qmin",
                 "sharpness",
                 "static-thresh",
                 "tile-columns",
                 "tile-rows",
                 "tune-content",
                 "undershoot-pct"};
    return r;
}

/// No filter here reads a file, changes the number of frames or the size of the picture.
const std::vector<std::string>& allowed_filters() {
    static const std::vector<std::string> names{
        "atadenoise",   "bilateral",   "chromashift", "cas",
        "colorbalance", "colorlevels", "colorspace",  "colortemperature",
        "deband",       "deblock",     "dedot",       "deflicker",
        "drawbox",      "drawgrid",    "eq",          "gblur",
        "gradfun",      "hflip",       "hqdn3d",      "hue",
        "nlmeans",      "smartblur",   "tmix",        "unsharp",
        "vflip",        "vibrance",    "vignette"};
    return names;
}

bool is_temporal(std::string_view filter) {
    return filter == "atadenoise" || filter == "dedot" || filter == "deflicker" ||
           filter == "hqdn3d" || filter == "tmix";
}

}  // namespace

const EncoderRules& encoder_rules(VideoCodec codec) {
    static const EncoderRules h264 = h264_rules();
    static const EncoderRules hevc = hevc_rules();
    static const EncoderRules av1 = av1_rules();
    static const EncoderRules vp9 = vp9_rules();
    switch (codec) {
        case VideoCodec::kHevc:
            return hevc;
        case VideoCodec::kAv1:
            return av1;
        case VideoCodec::kVp9:
            return vp9;
        case VideoCodec::kH264:
        case VideoCodec::kCopy:
        case VideoCodec::kNone:
            break;
    }
    return h264;
}

const std::vector<int>& sample_rates(AudioCodec codec) {
    static const std::vector<int> aac{
        8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000};
    static const std::vector<int> opus{48000};
    static const std::vector<int> broadcast{32000, 44100, 48000};
    static const std::vector<int> flac{
        8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000};
    switch (codec) {
        case AudioCodec::kOpus:
            return opus;
        case AudioCodec::kAc3:
        case AudioCodec::kEac3:
        case AudioCodec::kMp3:
            return broadcast;
        case AudioCodec::kFlac:
            return flac;
        case AudioCodec::kAac:
        case AudioCodec::kCopy:
            break;
    }
    return aac;
}

int max_channels(AudioCodec codec) {
    switch (codec) {
        case AudioCodec::kMp3:
            return 2;
        case AudioCodec::kAc3:
        case AudioCodec::kEac3:
            return 6;
        case AudioCodec::kAac:
        case AudioCodec::kOpus:
        case AudioCodec::kFlac:
        case AudioCodec::kCopy:
            break;
    }
    return 8;
}

std::optional<ChainFault> check_filter_chain(std::string_view chain, bool& temporal) {
    temporal = false;
    const bool clean = std::all_of(chain.begin(), chain.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("_=:.,+-*/() ").find(c) != std::string_view::npos;
    });
    if (!clean) {
        return ChainFault{
            "may hold letters, digits and the marks _ = : . , + - * / ( ) and spaces only", {}};
    }
    while (!chain.empty()) {
        const std::size_t comma = chain.find(',');
        std::string_view one = chain.substr(0, comma);
        chain = comma == std::string_view::npos ? std::string_view{} : chain.substr(comma + 1);
        while (one.starts_with(' ')) one.remove_prefix(1);
        const std::string name(one.substr(0, one.find_first_of("= ")));
        const auto& allowed = allowed_filters();
        if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
            std::string message = fmt::format("filter \"{}\" is not accepted", name.substr(0, 40));
            if (const std::string near = nearest(name, allowed); !near.empty()) {
                message += "; did you mean " + near + "?";
            }
            return ChainFault{std::move(message), allowed};
        }
        temporal = temporal || is_temporal(name);
    }
    return std::nullopt;
}

}  // namespace sg::presets
