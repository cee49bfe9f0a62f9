#include "open_encoder.hpp"

#include <span>

#include <fmt/format.h>

#include <media_av/check.hpp>

namespace sg::transcoders {

Result<av::CodecContextPtr> new_encoder(const std::string& name, const std::string& attempted) {
    const AVCodec* codec = avcodec_find_encoder_by_name(name.c_str());
    if (codec == nullptr) {
        return Error{Errc::kUnsupported,
                     fmt::format("{}: this libavcodec has no encoder {}", attempted, name)};
    }
    av::CodecContextPtr context(avcodec_alloc_context3(codec));
    if (context == nullptr) return Error{Errc::kLimit, attempted + ": out of memory"};
    return context;
}

Status open_encoder(AVCodecContext& context,
                    const pipeline::EncoderSettings& settings,
                    const std::string& attempted) {
    av::Dictionary options;
    for (const auto& [key, value] : settings.options) options.set(key.c_str(), value.c_str());
    const int rc = avcodec_open2(&context, context.codec, options.inout());
    if (const char* unknown = options.left_over(); unknown != nullptr && rc >= 0) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("{}: {} has no option \"{}\"; correct the preset",
                                 attempted,
                                 settings.name,
                                 unknown)};
    }
    return av::check(rc, fmt::format("{}: opening {}", attempted, settings.name));
}

std::vector<std::byte> extradata_of(const AVCodecContext& context) {
    if (context.extradata_size <= 0) return {};
    const auto bytes = std::as_bytes(
        std::span(context.extradata, static_cast<std::size_t>(context.extradata_size)));
    return {bytes.begin(), bytes.end()};
}

}  // namespace sg::transcoders
