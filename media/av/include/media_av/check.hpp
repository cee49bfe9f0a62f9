#pragma once

#include <string>

#include <base/result.hpp>
#include <media/codec.hpp>
#include <media/rational.hpp>
#include <media_av/libav.hpp>
#include <media_av/versions.hpp>

namespace sg::av {

/// "attempted: libav's reason", with EAGAIN, EOF, EXIT, ETIMEDOUT, ENOSPC, INVALIDDATA as codes of
/// their own.
[[nodiscard]] Error av_error(int rc, const std::string& attempted);

[[nodiscard]] inline Status check(int rc, const std::string& attempted) {
    if (rc >= 0) return {};
    return av_error(rc, attempted);
}

[[nodiscard]] inline media::Rational from_av(AVRational r) {
    return media::reduced({r.num, r.den});
}
/// Fails an assertion when a part does not fit an int: timebases and rates of plans always do.
[[nodiscard]] AVRational to_av(media::Rational r);

[[nodiscard]] media::CodecId codec_from_av(AVCodecID id);
[[nodiscard]] AVCodecID codec_to_av(media::CodecId id);
[[nodiscard]] media::MediaType type_from_av(AVMediaType type);

/// Sends libav's messages to our log: errors and warnings as debug, since an input's damage is
/// reported by us.
void route_log();

}  // namespace sg::av
