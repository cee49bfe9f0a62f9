#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include <fmt/format.h>

#include <media_av/libav.hpp>
#include <transcoders/encoder_settings.hpp>

namespace sg::transcoders {
namespace {

constexpr std::array kAacRates{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
constexpr std::array kMp3Rates{16000, 22050, 24000, 32000, 44100, 48000};
constexpr std::array kAc3Rates{32000, 44100, 48000};
constexpr std::array kOpusRates{48000};
constexpr std::array kFlacRates{
    8000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000};

/// What is constant for an encoder; the tests compare it with the library.
struct Kind {
    media::CodecId codec;
    const char* encoder;
    const char* sample_format;
    std::span<const int> rates;
    std::int64_t frame_samples;
    std::int64_t priming;
    int most_channels;
};

const std::array<Kind, 6> kKinds{{
    {media::CodecId::kAac, "aac", "fltp", kAacRates, 1024, 1024, 8},
    {media::CodecId::kOpus, "libopus", "flt", kOpusRates, 960, 312, 8},
    {media::CodecId::kAc3, "ac3", "fltp", kAc3Rates, 1536, 256, 6},
    {media::CodecId::kEac3, "eac3", "fltp", kAc3Rates, 1536, 256, 6},
    {media::CodecId::kFlac, "flac", "s32", kFlacRates, 4096, 0, 8},
    {media::CodecId::kMp3, "libmp3lame", "fltp", kMp3Rates, 1152, 1105, 2},
}};

/// The nearest supported rate; between two, the higher one, so that nothing audible is lost.
int nearest_rate(std::span<const int> rates, int wanted) {
    for (const int rate : rates) {
        if (rate >= wanted) return rate;
    }
    return rates.back();
}

/// Layout with at most `channels` channels that every player of the codec knows.
std::string layout_for(media::CodecId codec, int channels) {
    const bool dolby = codec == media::CodecId::kAc3 || codec == media::CodecId::kEac3;
    switch (channels) {
        case 1:
            return "mono";
        case 2:
            return "stereo";
        case 3:
            return "3.0";
        case 4:
            return codec == media::CodecId::kAac ? "4.0" : "quad";
        case 5:
            return dolby ? "5.0(side)" : "5.0";
        case 6:
        case 7:
            return dolby ? "5.1(side)" : "5.1";
        default:
            return "7.1";
    }
}

int layout_channels(int channels) {
    return channels == 7 ? 6 : channels;
}

std::int64_t default_bitrate(media::CodecId codec, int channels) {
    const std::int64_t pairs = channels;
    switch (codec) {
        case media::CodecId::kAac:
            return channels == 1 ? 80'000 : 64'000 * pairs;
        case media::CodecId::kOpus:
            return channels == 1 ? 64'000 : 48'000 * pairs;
        case media::CodecId::kAc3:
            return channels <= 2 ? 96'000 * pairs : 448'000;
        case media::CodecId::kEac3:
            return channels <= 2 ? 96'000 * pairs : 384'000;
        case media::CodecId::kMp3:
            return channels == 1 ? 96'000 : 192'000;
        default:
            return 0;
    }
}

template <std::size_t N>
std::int64_t nearest_of(const std::array<std::int64_t, N>& allowed, std::int64_t wanted) {
    return *std::min_element(allowed.begin(), allowed.end(), [&](auto a, auto b) {
        return std::llabs(a - wanted) < std::llabs(b - wanted);
    });
}

std::int64_t clamp_bitrate(media::CodecId codec, int channels, int rate, std::int64_t bitrate) {
    constexpr std::array<std::int64_t, 19> kAc3{
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640};
    constexpr std::array<std::int64_t, 14> kMpeg1{
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
    constexpr std::array<std::int64_t, 14> kMpeg2{
        8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
    switch (codec) {
        // ISO/IEC 14496-3: a frame has at most 6144 bits a channel.
        case media::CodecId::kAac:
            return std::clamp<std::int64_t>(
                bitrate, 16'000 * channels, std::int64_t{6144} * channels * rate / 1024);
        case media::CodecId::kOpus:
            return std::clamp<std::int64_t>(bitrate, 6'000 * channels, 256'000 * channels);
        case media::CodecId::kAc3: {
            const auto least = channels > 2 ? 224 : 64;
            return nearest_of(kAc3, std::max<std::int64_t>(bitrate / 1000, least)) * 1000;
        }
        case media::CodecId::kEac3:
            return std::clamp<std::int64_t>(bitrate, channels > 2 ? 128'000 : 48'000, 3'024'000) /
                   1000 * 1000;
        case media::CodecId::kMp3:
            return (rate >= 32000 ? nearest_of(kMpeg1, bitrate / 1000)
                                  : nearest_of(kMpeg2, bitrate / 1000)) *
                   1000;
        default:
            return 0;
    }
}

/// What the encoder can never exceed, bits per second.
std::int64_t bitrate_bound(const AudioEncoderChoice& choice, media::CodecId codec) {
    const std::int64_t channels = choice.channels;
    switch (codec) {
        case media::CodecId::kAac:
            return 6144 * channels * choice.sample_rate / 1024;
        case media::CodecId::kOpus:
            return 1275 * 8 * 50 *
                   std::max<std::int64_t>(1, (channels + 1) / 2 + (channels > 2 ? 1 : 0));
        // Verbatim subframes: 24 bits a sample and a header of at most 16 bytes and a footer.
        case media::CodecId::kFlac:
            return 25 * channels * choice.sample_rate +
                   (18 + 4 * channels) * 8 * choice.sample_rate / choice.frame_samples;
        default:
            return choice.bitrate;
    }
}

}  // namespace

Result<AudioEncoderChoice> audio_encoder_settings(const AudioEncoderRequest& request) {
    const auto kind = std::find_if(
        kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.codec == request.codec; });
    if (kind == kKinds.end()) {
        return Error{Errc::kUnsupported,
                     fmt::format("choosing audio settings: {} cannot be encoded; choose aac, opus, "
                                 "ac3, eac3, flac or mp3",
                                 media::codec_name(request.codec))};
    }
    if (request.channels < 1 || request.channels > 64 || request.sample_rate < 1) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("choosing audio settings: {} channels at {} Hz is no audio "
                                 "format; give 1 to 64 channels "
                                 "and a positive rate",
                                 request.channels,
                                 request.sample_rate)};
    }
    if (avcodec_find_encoder_by_name(kind->encoder) == nullptr) {
        return Error{
            Errc::kUnsupported,
            fmt::format("choosing audio settings: this libavcodec has no {}", kind->encoder)};
    }
    AudioEncoderChoice choice;
    choice.channels = layout_channels(std::min(request.channels, kind->most_channels));
    choice.channel_layout = layout_for(request.codec, choice.channels);
    choice.sample_rate = nearest_rate(kind->rates, request.sample_rate);
    choice.sample_format = kind->sample_format;
    choice.frame_samples = kind->frame_samples;
    choice.priming = kind->priming;
    if (request.codec == media::CodecId::kMp3 && choice.sample_rate < 32000)
        choice.frame_samples = 576;

    choice.bitrate = clamp_bitrate(
        request.codec,
        choice.channels,
        choice.sample_rate,
        request.bitrate > 0 ? request.bitrate : default_bitrate(request.codec, choice.channels));
    auto& settings = choice.settings;
    settings.name = kind->encoder;
    if (choice.bitrate > 0) settings.options.emplace_back("b", std::to_string(choice.bitrate));
    switch (request.codec) {
        case media::CodecId::kAac:
            settings.options.emplace_back("aac_coder", "twoloop");
            settings.options.emplace_back("profile", "aac_low");
            break;
        case media::CodecId::kOpus:
            settings.options.emplace_back("application", "audio");
            settings.options.emplace_back("frame_duration", "20");
            settings.options.emplace_back("vbr", "on");
            settings.options.emplace_back("mapping_family", choice.channels > 2 ? "1" : "0");
            break;
        case media::CodecId::kFlac:
            settings.options.emplace_back("compression_level", "5");
            settings.options.emplace_back("frame_size", std::to_string(choice.frame_samples));
            break;
        case media::CodecId::kMp3:
            settings.options.emplace_back("abr", "0");
            break;
        default:
            break;
    }
    settings.max_bitrate = bitrate_bound(choice, request.codec);
    return choice;
}

}  // namespace sg::transcoders
