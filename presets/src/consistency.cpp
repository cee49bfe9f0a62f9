#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "decode.hpp"
#include "encoder_rules.hpp"
#include "names.hpp"

namespace sg::presets {

namespace {

std::vector<std::string> texts(const std::vector<int>& numbers) {
    std::vector<std::string> out;
    for (const int number : numbers) out.push_back(std::to_string(number));
    return out;
}

class Consistency {
  public:
    Consistency(const Preset& preset, const Places& places, std::vector<Problem>& problems)
        : preset_(preset), places_(places), problems_(problems) {}

    void run() {
        if (preset_.name.empty()) report("name", "is missing; every preset has a name");
        check_times();
        check_names();
        check_video();
        check_audio();
        check_filters();
        check_formats();
    }

  private:
    /// The place of a field, or of the nearest group around it that the file has.
    [[nodiscard]] Place place_of(std::string field) const {
        for (;;) {
            if (const auto found = places_.find(field); found != places_.end()) {
                return found->second;
            }
            const std::size_t cut = field.find_last_of(".[");
            if (cut == std::string::npos) break;
            field.resize(cut);
        }
        const auto root = places_.find("");
        return root == places_.end() ? Place{} : root->second;
    }

    void report(const std::string& field,
                std::string message,
                std::vector<std::string> accepted = {}) {
        Problem problem = problem_at(place_of(field), field, std::move(message));
        problem.accepted = std::move(accepted);
        problems_.push_back(std::move(problem));
    }

    void check_times() {
        const std::int64_t gop = preset_.video.gop_ms;
        const std::int64_t segment = preset_.packaging.segment_ms;
        const bool encodes = preset_.video.codec != VideoCodec::kNone;
        if (encodes && segment % gop != 0) {
            report("packaging.segment",
                   fmt::format("{} ms is not a whole number of GOPs of {} ms", segment, gop));
        }
        if (encodes && preset_.video.chunk_ms < segment) {
            report(
                "video.chunk",
                fmt::format(
                    "{} ms is shorter than a segment of {} ms", preset_.video.chunk_ms, segment));
        }
    }

    void check_names() {
        std::set<std::string> seen;
        const auto take = [&](const std::string& name, const std::string& field) {
            if (name.empty()) {
                report(field, "is missing; every rendition has a name");
            } else if (!seen.insert(name).second) {
                report(field,
                       fmt::format("\"{}\" is the name of another rendition already; each has its "
                                   "own folder",
                                   name));
            } else if (name.ends_with(".m3u8") || name.ends_with(".mpd")) {
                report(field, fmt::format("\"{}\" would collide with a manifest", name));
            }
        };
        for (std::size_t i = 0; i < preset_.video.ladder.size(); ++i) {
            take(preset_.video.ladder[i].name, fmt::format("video.ladder[{}].name", i));
        }
        for (std::size_t i = 0; i < preset_.audio.renditions.size(); ++i) {
            take(preset_.audio.renditions[i].name, fmt::format("audio.renditions[{}].name", i));
        }
    }

    void check_video() {
        const Video& video = preset_.video;
        if (video.codec == VideoCodec::kNone) {
            if (!video.ladder.empty()) {
                report("video.ladder", "must be left out (or []) when video.codec is none");
            }
            if (preset_.audio.renditions.empty()) {
                report("audio.renditions", "is empty and video.codec is none: nothing to make");
            }
            return;
        }
        if (video.ladder.empty()) {
            report("video.ladder", "is empty; give a rung, or set video.codec to none");
        }
        if (video.codec != VideoCodec::kCopy) {
            const EncoderRules& rules = encoder_rules(video.codec);
            check_encoder("video.", rules, video.codec, video);
        }
        for (std::size_t i = 0; i < video.ladder.size(); ++i) {
            check_rung(video.ladder[i], fmt::format("video.ladder[{}].", i));
        }
    }

    /// Works on the video section and on a rung alike: both have these members.
    template <class S>
    void check_encoder(const std::string& at,
                       const EncoderRules& rules,
                       VideoCodec codec,
                       const S& settings) {
        const auto one_of = [&](const char* key,
                                const std::optional<std::string>& value,
                                const std::vector<std::string>& accepted) {
            if (!value) return;
            if (std::find(accepted.begin(), accepted.end(), *value) != accepted.end()) return;
            std::string message =
                fmt::format("\"{}\" is not a {} of {}", *value, key, to_string(codec));
            if (const std::string near = nearest(*value, accepted); !near.empty()) {
                message += "; did you mean " + near + "?";
            }
            report(at + key, std::move(message), accepted);
        };
        one_of("profile", settings.profile, rules.profiles);
        one_of("level", settings.level, rules.levels);
        one_of("speed", settings.speed, rules.speeds);
        one_of("tune", settings.tune, rules.tunes);
        if (settings.crf_x100) {
            const int crf = *settings.crf_x100;
            if (crf < rules.min_crf_x100 || crf > rules.max_crf_x100) {
                report(at + "crf",
                       fmt::format("{} takes a CRF from {} to {}",
                                   to_string(codec),
                                   rules.min_crf_x100 / 100,
                                   rules.max_crf_x100 / 100));
            } else if (rules.whole_crf && crf % 100 != 0) {
                report(at + "crf", fmt::format("{} takes whole numbers only", to_string(codec)));
            }
        }
        if (settings.depth && *settings.depth != 8 && *settings.depth != 10) {
            report(at + "depth", "must be 8 or 10", {"8", "10"});
        }
        for (const auto& [key, value] : settings.encoder_options) {
            if (std::find(rules.options.begin(), rules.options.end(), key) != rules.options.end()) {
                continue;
            }
            report(at + "encoder_options",
                   fmt::format("\"{}\" is not an option that a preset may set for {}",
                               key.substr(0, 40),
                               to_string(codec)),
                   rules.options);
        }
    }

    void check_rung(const Rung& rung, const std::string& at) {
        const VideoCodec codec = rung.codec.value_or(preset_.video.codec);
        if (codec == VideoCodec::kNone) {
            report(at + "codec", "none is for the whole video section; remove the rung instead");
            return;
        }
        if (codec == VideoCodec::kCopy) {
            const bool settled = rung.crf_x100 || rung.max_bitrate_bps || rung.bitrate_bps ||
                                 rung.buffer_bits || rung.profile || rung.level || rung.speed ||
                                 rung.tune || rung.depth || rung.max_frame_rate ||
                                 !rung.encoder_options.empty();
            if (settled) {
                report(at + "codec", "a copied rung takes no encoder settings; remove them");
            }
            return;
        }
        const EncoderRules& rules = encoder_rules(codec);
        check_encoder(at, rules, codec, rung);
        const EffectiveRung made = effective_rung(preset_, rung);
        if (made.depth > 8 && !rules.ten_bit) {
            report(at + "depth",
                   fmt::format("10-bit {} does not play in browsers; use 8, or another codec",
                               to_string(codec)),
                   {"8"});
        }
        if (made.depth > 8 && (made.profile == "main" || made.profile == "0") &&
            codec != VideoCodec::kAv1) {
            report(at + "profile",
                   fmt::format("{} is an 8-bit profile of {}", made.profile, to_string(codec)));
        }
        if (made.range == DynamicRange::kSource && made.depth < 10) {
            report(at + "range", "source needs depth 10: HDR in 8 bits shows bands", {"sdr"});
        }
        check_rate(rung, at);
    }

    void check_rate(const Rung& rung, const std::string& at) {
        const bool fixed = preset_.video.rate_control == RateControl::kBitrate;
        if (fixed && !rung.bitrate_bps) {
            report(at + "bitrate", "is missing; rate_control bitrate needs it in every rung");
        }
        if (fixed && rung.crf_x100) {
            report(at + "crf", "has no use with rate_control bitrate; remove it");
        }
        if (!fixed && rung.bitrate_bps) {
            report(at + "bitrate",
                   "has no use with rate_control capped-crf; the cap is max_bitrate");
        }
        if (rung.bitrate_bps && rung.max_bitrate_bps && *rung.max_bitrate_bps < *rung.bitrate_bps) {
            report(at + "max_bitrate", "is lower than bitrate");
        }
        if (rung.buffer_bits && !rung.max_bitrate_bps && !rung.bitrate_bps) {
            report(at + "buffer", "has no use without max_bitrate");
        }
    }

    void check_audio() {
        for (std::size_t i = 0; i < preset_.audio.renditions.size(); ++i) {
            const AudioRung& rung = preset_.audio.renditions[i];
            const std::string at = fmt::format("audio.renditions[{}].", i);
            if (rung.channels) {
                static const std::vector<int> kLayouts{1, 2, 6, 8};
                const int channels = *rung.channels;
                if (std::find(kLayouts.begin(), kLayouts.end(), channels) == kLayouts.end()) {
                    report(at + "channels", "must be 1, 2, 6 or 8", texts(kLayouts));
                } else if (channels > max_channels(rung.codec)) {
                    report(at + "channels",
                           fmt::format("{} carries at most {} channels",
                                       to_string(rung.codec),
                                       max_channels(rung.codec)));
                }
            } else if (rung.skip_if_fewer) {
                report(at + "skip_if_fewer", "has no use without channels");
            }
            const bool copied = rung.codec == AudioCodec::kCopy;
            if (!copied && !rung.copy_only.empty()) {
                report(at + "copy_only", "is for codec copy");
            }
            if (rung.bitrate_bps && (copied || rung.codec == AudioCodec::kFlac)) {
                report(at + "bitrate", fmt::format("has no use with {}", to_string(rung.codec)));
            }
            if (!rung.sample_rate) continue;
            const std::vector<int>& rates = sample_rates(rung.codec);
            if (copied) {
                report(at + "sample_rate", "has no use with copy");
            } else if (std::find(rates.begin(), rates.end(), *rung.sample_rate) == rates.end()) {
                report(
                    at + "sample_rate",
                    fmt::format(
                        "{} is not a sample rate of {}", *rung.sample_rate, to_string(rung.codec)),
                    texts(rates));
            }
        }
    }

    void check_filters() {
        const Filters& filters = preset_.filters;
        bool temporal = false;
        if (auto fault = check_filter_chain(filters.custom, temporal)) {
            report("filters.custom", std::move(fault->message), std::move(fault->accepted));
        }
        if (temporal && filters.frames_before == 0) {
            report("filters.frames_before",
                   "must be above 0: the custom chain looks at earlier frames, and chunks start "
                   "in the middle of the film");
        }
    }

    void check_formats() {
        const Packaging& packaging = preset_.packaging;
        if (packaging.formats.empty()) {
            report("packaging.formats", "is empty: nothing to write", accepted_of<Format>());
        }
        if (!packaging.has(Format::kHlsTs)) return;
        // RFC 8216 section 3.2 with the HLS authoring rules: TS carries H.264 and AAC, AC-3, E-AC-3
        // or MP3.
        for (std::size_t i = 0; i < preset_.video.ladder.size(); ++i) {
            const VideoCodec codec = preset_.video.ladder[i].codec.value_or(preset_.video.codec);
            if (codec != VideoCodec::kH264 && codec != VideoCodec::kCopy) {
                report(fmt::format("video.ladder[{}].codec", i),
                       fmt::format("players do not take {} in TS; remove hls-ts from "
                                   "packaging.formats or use h264",
                                   to_string(codec)),
                       {"h264", "copy"});
            }
        }
        for (std::size_t i = 0; i < preset_.audio.renditions.size(); ++i) {
            const AudioCodec codec = preset_.audio.renditions[i].codec;
            if (codec == AudioCodec::kOpus || codec == AudioCodec::kFlac) {
                report(fmt::format("audio.renditions[{}].codec", i),
                       fmt::format("players do not take {} in TS; remove hls-ts from "
                                   "packaging.formats or use aac",
                                   to_string(codec)),
                       {"aac", "ac3", "eac3", "mp3", "copy"});
            }
        }
    }

    const Preset& preset_;
    const Places& places_;
    std::vector<Problem>& problems_;
};

}  // namespace

void check_consistency(const Preset& preset, const Places& places, std::vector<Problem>& problems) {
    Consistency(preset, places, problems).run();
}

}  // namespace sg::presets
