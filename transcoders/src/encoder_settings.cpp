#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include <media_av/libav.hpp>
#include <transcoders/encoder_settings.hpp>

#include "codec_levels.hpp"

namespace sg::transcoders {
namespace {

using pipeline::EncoderSettings;

constexpr std::array kX26xSpeeds{"ultrafast",
                                 "superfast",
                                 "veryfast",
                                 "faster",
                                 "fast",
                                 "medium",
                                 "slow",
                                 "slower",
                                 "veryslow",
                                 "placebo"};
/// Reference frames of x264's presets, in the order above.
constexpr std::array<std::int64_t, 10> kX264References{1, 1, 1, 2, 2, 3, 5, 8, 16, 16};

/// What the plan's promises rest on: closed GOPs of one length and threads that do not change
/// bytes.
constexpr std::array kReserved{"g",
                               "keyint",
                               "keyint_min",
                               "min-keyint",
                               "scenecut",
                               "sc_threshold",
                               "open-gop",
                               "intra-refresh",
                               "threads",
                               "lookahead-threads",
                               "sliced-threads",
                               "frame-threads",
                               "pools",
                               "wpp",
                               "pmode",
                               "pme",
                               "lp",
                               "pin",
                               "irefresh-type",
                               "scd",
                               "row-mt",
                               "thread_type",
                               "flags",
                               "flags2",
                               "pass",
                               "stats",
                               "passlogfile",
                               "forced-idr",
                               "repeat-headers",
                               "annexb",
                               "strict"};

Error invalid(const std::string& field, const std::string& value, const std::string& accepted) {
    return {Errc::kInvalidArgument,
            fmt::format(
                "choosing encoder settings: {} is \"{}\"; accepted: {}", field, value, accepted)};
}

std::string hundredths(std::int64_t value) {
    auto text = fmt::format("{}.{:02}", value / 100, value % 100);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

/// A growing list of settings: libav's own, and those that go through the encoder's parameter
/// string.
class Options {
  public:
    void set(std::string key, std::string value) {
        options_.emplace_back(std::move(key), std::move(value));
    }
    void set(std::string key, std::int64_t value) { set(std::move(key), std::to_string(value)); }
    void param(std::string_view key, std::string_view value) {
        if (!params_.empty()) params_ += ':';
        params_ += fmt::format("{}={}", key, value);
    }
    void param(std::string_view key, std::int64_t value) { param(key, std::to_string(value)); }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> finish(
        const char* params_name) && {
        if (!params_.empty()) set(params_name, params_);
        return std::move(options_);
    }

  private:
    std::vector<std::pair<std::string, std::string>> options_;
    std::string params_;
};

Status check_range(const char* field, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (value >= least && value <= most) return {};
    return invalid(field, std::to_string(value), fmt::format("{} to {}", least, most));
}

Result<std::int64_t> number(const char* field, const std::string& text, int least, int most) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        return invalid(field, text, fmt::format("{} to {}", least, most));
    }
    return std::int64_t{value};
}

Result<std::size_t> x26x_speed(const std::string& speed) {
    const auto found = std::find(kX26xSpeeds.begin(), kX26xSpeeds.end(), speed);
    if (found == kX26xSpeeds.end()) {
        return invalid("speed", speed, fmt::format("{}", fmt::join(kX26xSpeeds, ", ")));
    }
    return static_cast<std::size_t>(found - kX26xSpeeds.begin());
}

/// Extra options of the preset: libav's when it knows the name, else the encoder's own.
Status add_extra(const EncoderRequest& request,
                 const AVCodec* codec,
                 Options& options,
                 bool has_params) {
    const AVClass* generic = avcodec_get_class();
    for (const auto& [key, value] : request.extra) {
        if (std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end()) {
            return Error{
                Errc::kInvalidArgument,
                fmt::format("choosing encoder settings: the option \"{}\" cannot be set by hand; "
                            "GOPs, threads and headers follow from the plan",
                            key)};
        }
        if (value.find(':') != std::string::npos && has_params &&
            value.find_first_of("=") != std::string::npos) {
            return invalid(
                key, value, "one value; give each encoder parameter as an option of its own");
        }
        const auto known = [&](const AVClass* of) {
            return of != nullptr &&
                   av_opt_find(&of, key.c_str(), nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
        };
        if (known(codec->priv_class) || known(generic)) {
            options.set(key, value);
        } else if (has_params) {
            options.param(key, value);
        } else {
            return Error{
                Errc::kInvalidArgument,
                fmt::format(
                    "choosing encoder settings: {} has no option \"{}\"", codec->name, key)};
        }
    }
    return {};
}

struct Rate {
    std::int64_t max_bitrate = 0;
    std::int64_t buffer_bits = 0;
};

/// Quality or bitrate and the cap, as generic libav options.
Rate set_rate(const EncoderRequest& request, Options& options) {
    Rate rate{request.max_bitrate, request.buffer_bits};
    if (rate.max_bitrate > 0 && rate.buffer_bits <= 0) rate.buffer_bits = rate.max_bitrate;
    if (rate.max_bitrate <= 0) rate.buffer_bits = 0;
    if (request.crf_x100 >= 0) {
        options.set("crf", hundredths(request.crf_x100));
    } else {
        options.set("b", request.bitrate);
    }
    if (rate.max_bitrate > 0) {
        options.set("maxrate", rate.max_bitrate);
        options.set("bufsize", rate.buffer_bits);
    }
    return rate;
}

Result<EncoderSettings> h264(const EncoderRequest& request, const AVCodec* codec) {
    if (request.bit_depth != 8)
        return invalid("bit_depth", std::to_string(request.bit_depth), "8 for H.264");
    const std::string speed = request.speed.empty() ? "veryfast" : request.speed;
    SG_TRY_ASSIGN(const auto step, x26x_speed(speed));
    const std::string profile = request.profile.empty() ? "high" : request.profile;
    if (profile != "high" && profile != "main" && profile != "baseline") {
        return invalid("profile", profile, "baseline, main, high");
    }
    const bool baseline = profile == "baseline";
    const auto b_frames =
        baseline
            ? 0
            : request.b_frames.value_or(step == 0 ? 0 : (step == 8 ? 8 : (step == 9 ? 16 : 3)));
    SG_TRY(check_range("b_frames", b_frames, 0, 16));

    Options options;
    options.set("preset", speed);
    if (!request.tune.empty()) options.set("tune", request.tune);
    options.set("profile", profile);

    LevelDemand demand{request.width,
                       request.height,
                       request.frame_rate,
                       request.max_bitrate,
                       request.buffer_bits > 0 ? request.buffer_bits : request.max_bitrate,
                       profile == "high",
                       b_frames > 1 ? 4 : (b_frames == 1 ? 2 : 1)};
    std::string level = request.level;
    if (level.empty()) {
        // Uncapped quality has no rate to judge by; size and rate alone decide.
        const auto fitting = h264_level(demand);
        if (!fitting) {
            return Error{Errc::kUnsupported,
                         fmt::format("choosing encoder settings: no H.264 level holds {}x{} at "
                                     "{}/{} frames/s and {} bit/s; "
                                     "use a smaller rendition or HEVC",
                                     request.width,
                                     request.height,
                                     request.frame_rate.num,
                                     request.frame_rate.den,
                                     request.max_bitrate)};
        }
        level = *fitting;
    }
    const auto held = h264_dpb_frames(level, request.width, request.height);
    if (!held) return invalid("level", level, "1, 1.1, 1.2, 1.3, 2, ... 6.2");
    options.set("level", level);
    options.set("refs", std::min(kX264References[step], *held));
    options.set("bf", b_frames);

    const auto rate = set_rate(request, options);
    options.set("g", request.gop_frames);
    options.set("keyint_min", request.gop_frames);
    options.set("sc_threshold", 0);
    options.set("forced-idr", 1);
    options.set("nal-hrd", "none");
    if (request.lookahead) {
        SG_TRY(check_range("lookahead", *request.lookahead, 0, 250));
        options.set("rc-lookahead", *request.lookahead);
    }
    options.param("open-gop", 0);
    options.param("force-cfr", 1);
    // Parameter sets must not depend on a chunk's content.
    options.param("stitchable", 1);
    // Threads that work on one picture each hold back as many.
    options.param("sliced-threads", request.tune == "zerolatency" ? 1 : 0);
    options.param("sync-lookahead", 0);
    SG_TRY(add_extra(request, codec, options, true));

    EncoderSettings out;
    out.max_bitrate = rate.max_bitrate;
    out.buffer_bits = rate.buffer_bits;
    out.options = std::move(options).finish("x264-params");
    return out;
}

std::string x265_mastering(const media::MasteringDisplay& m) {
    return fmt::format("G({},{})B({},{})R({},{})WP({},{})L({},{})",
                       m.primaries_x[0],
                       m.primaries_y[0],
                       m.primaries_x[1],
                       m.primaries_y[1],
                       m.primaries_x[2],
                       m.primaries_y[2],
                       m.white_x,
                       m.white_y,
                       m.max_luminance,
                       m.min_luminance);
}

Result<EncoderSettings> hevc(const EncoderRequest& request, const AVCodec* codec) {
    const std::string speed = request.speed.empty() ? "fast" : request.speed;
    SG_TRY(x26x_speed(speed));
    const std::string profile =
        !request.profile.empty() ? request.profile : (request.bit_depth == 10 ? "main10" : "main");
    if (profile != "main10" && (profile != "main" || request.bit_depth != 8)) {
        return invalid("profile", profile, request.bit_depth == 10 ? "main10" : "main, main10");
    }
    std::string level = request.level;
    if (level.empty()) {
        const auto fitting =
            hevc_level({request.width,
                        request.height,
                        request.frame_rate,
                        request.max_bitrate,
                        request.buffer_bits > 0 ? request.buffer_bits : request.max_bitrate});
        if (!fitting) {
            return Error{
                Errc::kUnsupported,
                fmt::format(
                    "choosing encoder settings: no HEVC level holds {}x{} at {}/{} frames/s; "
                    "use a smaller rendition",
                    request.width,
                    request.height,
                    request.frame_rate.num,
                    request.frame_rate.den)};
        }
        level = *fitting;
    } else if (!hevc_level_exists(level)) {
        return invalid("level", level, "1, 2, 2.1, 3, ... 6.2");
    }

    Options options;
    options.set("preset", speed);
    if (!request.tune.empty()) options.set("tune", request.tune);
    options.set("profile", profile);
    const auto rate = set_rate(request, options);
    options.set("g", request.gop_frames);
    options.set("keyint_min", request.gop_frames);
    if (request.b_frames) {
        SG_TRY(check_range("b_frames", *request.b_frames, 0, 16));
        options.set("bf", *request.b_frames);
    }
    options.set("forced-idr", 1);

    const int threads = request.threads.value_or(1);
    options.param("log-level", "none");
    options.param("info", 0);
    options.param("repeat-headers", 0);
    options.param("annexb", 1);
    options.param("keyint", request.gop_frames);
    options.param("min-keyint", request.gop_frames);
    options.param("scenecut", 0);
    options.param("open-gop", 0);
    options.param("hrd", 0);
    options.param("level-idc", level);
    options.param("high-tier", 0);
    options.param("frame-threads", 1);
    options.param("lookahead-slices", 0);
    options.param("pmode", 0);
    options.param("pme", 0);
    if (threads == 1) {
        options.param("pools", "none");
        options.param("wpp", 0);
    } else {
        options.param("pools", threads);
        options.param("wpp", 1);
    }
    if (request.lookahead) {
        SG_TRY(check_range("lookahead", *request.lookahead, 0, 250));
        options.param("rc-lookahead", *request.lookahead);
    }
    if (request.colour.pq()) {
        options.param("hdr10", 1);
        if (request.mastering_display)
            options.param("master-display", x265_mastering(*request.mastering_display));
        if (request.content_light) {
            options.param(
                "max-cll",
                fmt::format(
                    "{},{}", request.content_light->max_cll, request.content_light->max_fall));
        }
    }
    SG_TRY(add_extra(request, codec, options, true));

    EncoderSettings out;
    out.max_bitrate = rate.max_bitrate;
    out.buffer_bits = rate.buffer_bits;
    out.options = std::move(options).finish("x265-params");
    return out;
}

/// SVT-AV1 reads chromaticities and luminance as decimal fractions.
std::string svt_mastering(const media::MasteringDisplay& m) {
    const auto xy = [](std::uint32_t x) {
        return fmt::format("{}.{:05}", x / 50000, (x % 50000) * 2);
    };
    const auto nits = [](std::uint32_t l) { return fmt::format("{}.{:04}", l / 10000, l % 10000); };
    return fmt::format("G({},{})B({},{})R({},{})WP({},{})L({},{})",
                       xy(m.primaries_x[0]),
                       xy(m.primaries_y[0]),
                       xy(m.primaries_x[1]),
                       xy(m.primaries_y[1]),
                       xy(m.primaries_x[2]),
                       xy(m.primaries_y[2]),
                       xy(m.white_x),
                       xy(m.white_y),
                       nits(m.max_luminance),
                       nits(m.min_luminance));
}

Status refuse_foreign(const EncoderRequest& request, const char* codec) {
    const auto refuse = [&](const char* field, const std::string& value) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("choosing encoder settings: {} \"{}\" means nothing to {}; leave it out",
                        field,
                        value,
                        codec)};
    };
    if (request.b_frames) return refuse("b_frames", std::to_string(*request.b_frames));
    if (!request.profile.empty()) return refuse("profile", request.profile);
    if (!request.level.empty()) return refuse("level", request.level);
    return {};
}

Result<EncoderSettings> av1(const EncoderRequest& request, const AVCodec* codec) {
    SG_TRY(refuse_foreign(request, "SVT-AV1"));
    if (request.width < 64 || request.height < 64) {
        return invalid(
            "size", fmt::format("{}x{}", request.width, request.height), "at least 64x64 for AV1");
    }
    SG_TRY_ASSIGN(const auto speed,
                  number("speed", request.speed.empty() ? "8" : request.speed, 0, 13));
    Options options;
    options.set("preset", speed);
    if (request.crf_x100 >= 0) {
        if (request.crf_x100 % 100 != 0)
            return invalid("crf", hundredths(request.crf_x100), "whole numbers for AV1");
        options.set("crf", request.crf_x100 / 100);
    } else {
        options.set("b", request.bitrate);
    }
    if (request.max_bitrate > 0 && request.crf_x100 >= 0) {
        options.set("maxrate", request.max_bitrate);
        options.set("bufsize", request.buffer_bits > 0 ? request.buffer_bits : request.max_bitrate);
    }
    options.set("g", request.gop_frames);
    // Forced key frames are ignored by 1.4: the fixed interval is what puts them on the borders.
    options.param("irefresh-type", 2);
    options.param("scd", 0);
    options.param("hierarchical-levels", 4);
    options.param("lp", request.threads.value_or(1));
    if (!request.tune.empty()) {
        SG_TRY_ASSIGN(const auto tune, number("tune", request.tune, 0, 2));
        options.param("tune", tune);
    }
    if (request.lookahead) {
        SG_TRY(check_range("lookahead", *request.lookahead, 0, 120));
        options.param("lookahead", *request.lookahead);
    }
    if (request.colour.pq()) {
        if (request.mastering_display)
            options.param("mastering-display", svt_mastering(*request.mastering_display));
        if (request.content_light) {
            options.param(
                "content-light",
                fmt::format(
                    "{},{}", request.content_light->max_cll, request.content_light->max_fall));
        }
    }
    SG_TRY(add_extra(request, codec, options, true));
    EncoderSettings out;
    out.options = std::move(options).finish("svtav1-params");
    return out;
}

Result<EncoderSettings> vp9(const EncoderRequest& request, const AVCodec* codec) {
    SG_TRY(refuse_foreign(request, "libvpx-vp9"));
    SG_TRY_ASSIGN(const auto speed,
                  number("speed", request.speed.empty() ? "4" : request.speed, 0, 8));
    Options options;
    options.set("deadline", "good");
    options.set("cpu-used", speed);
    if (request.crf_x100 >= 0) {
        if (request.crf_x100 % 100 != 0)
            return invalid("crf", hundredths(request.crf_x100), "whole numbers for VP9");
        options.set("crf", request.crf_x100 / 100);
        // With a quality, libvpx takes the bitrate as the cap of the average.
        options.set("b", request.max_bitrate);
    } else {
        options.set("b", request.bitrate);
    }
    if (request.max_bitrate > 0) {
        options.set("maxrate", request.max_bitrate);
        options.set("bufsize", request.buffer_bits > 0 ? request.buffer_bits : request.max_bitrate);
    }
    options.set("g", request.gop_frames);
    options.set("keyint_min", request.gop_frames);
    options.set("lag-in-frames", request.lookahead.value_or(25));
    SG_TRY(check_range("lookahead", request.lookahead.value_or(25), 0, 25));
    options.set("auto-alt-ref", 1);
    options.set(
        "tile-columns",
        request.width >= 2560 ? 3 : (request.width >= 1280 ? 2 : (request.width >= 640 ? 1 : 0)));
    options.set("tile-rows", 0);
    options.set("frame-parallel", 0);
    options.set("row-mt", request.threads.value_or(1) > 1 ? 1 : 0);
    if (!request.tune.empty()) options.set("tune", request.tune);
    SG_TRY(add_extra(request, codec, options, false));
    EncoderSettings out;
    out.options = std::move(options).finish("");
    return out;
}

}  // namespace

void use_threads(EncoderSettings& settings, int threads) {
    settings.threads = threads;
    for (auto& [key, value] : settings.options) {
        if (key == "row-mt") value = threads > 1 ? "1" : "0";
        const std::string_view alone = "pools=none:wpp=0";
        const auto at = key == "x265-params" ? value.find(alone) : std::string::npos;
        if (at != std::string::npos && threads > 1)
            value.replace(at, alone.size(), fmt::format("pools={}:wpp=1", threads));
    }
}

std::string encoder_pixel_format(media::CodecId, int bit_depth) {
    return bit_depth == 10 ? "yuv420p10le" : "yuv420p";
}

Result<EncoderSettings> encoder_settings(const EncoderRequest& request) {
    SG_TRY(check_range("width", request.width, 16, 16384));
    SG_TRY(check_range("height", request.height, 16, 16384));
    SG_TRY(check_range("gop_frames", request.gop_frames, 1, 1000));
    SG_TRY(check_range("threads", request.threads.value_or(1), 1, 64));
    if (!request.frame_rate.positive())
        return invalid("frame_rate", media::to_string(request.frame_rate), "a positive rate");
    if (request.bit_depth != 8 && request.bit_depth != 10)
        return invalid("bit_depth", std::to_string(request.bit_depth), "8, 10");
    if (request.crf_x100 < 0 && request.bitrate <= 0)
        return invalid("bitrate", std::to_string(request.bitrate), "a positive bitrate, or a crf");
    const bool wide_scale =
        request.codec == media::CodecId::kAv1 || request.codec == media::CodecId::kVp9;
    if (request.crf_x100 >= 0)
        SG_TRY(check_range("crf (hundredths)", request.crf_x100, 0, wide_scale ? 6300 : 5100));
    // SVT-AV1 in constant quality takes 1 upwards: 0 means "no CRF" to libav.
    if (request.codec == media::CodecId::kAv1 && request.crf_x100 >= 0)
        SG_TRY(check_range("crf (hundredths)", request.crf_x100, 100, 6300));

    const char* name = nullptr;
    switch (request.codec) {
        case media::CodecId::kH264:
            name = "libx264";
            break;
        case media::CodecId::kHevc:
            name = "libx265";
            break;
        case media::CodecId::kAv1:
            name = "libsvtav1";
            break;
        case media::CodecId::kVp9:
            name = "libvpx-vp9";
            break;
        default:
            return Error{Errc::kUnsupported,
                         fmt::format("choosing encoder settings: {} cannot be encoded; choose "
                                     "h264, hevc, av1 or vp9",
                                     media::codec_name(request.codec))};
    }
    const AVCodec* codec = avcodec_find_encoder_by_name(name);
    if (codec == nullptr) {
        return Error{Errc::kUnsupported,
                     fmt::format("choosing encoder settings: this libavcodec has no {}", name)};
    }
    Result<EncoderSettings> settings = Error{};
    switch (request.codec) {
        case media::CodecId::kH264:
            settings = h264(request, codec);
            break;
        case media::CodecId::kHevc:
            settings = hevc(request, codec);
            break;
        case media::CodecId::kAv1:
            settings = av1(request, codec);
            break;
        default:
            settings = vp9(request, codec);
            break;
    }
    if (!settings) return settings;
    settings->name = name;
    settings->gop_frames = request.gop_frames;
    settings->threads = request.threads.value_or(1);
    return settings;
}

}  // namespace sg::transcoders
