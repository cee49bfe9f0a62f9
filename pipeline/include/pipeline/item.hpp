#pragma once

#include <cstddef>
#include <variant>

#include <media/frame.hpp>
#include <media/packet.hpp>
#include <media/stream_info.hpp>

namespace sg::pipeline {

/// First item of a port, and again after a drain when the format changes.
struct StreamStart {
    media::StreamInfoPtr info;
};

/// Marks the next frame on this port. Encoders start an independent GOP there.
struct Cue {
    enum class Kind { kGopStart, kSegmentStart };
    Kind kind = Kind::kGopStart;
};

/// The timeline breaks here, in all renditions at once: drop what depends on the past, keep the
/// stage open.
struct Discontinuity {};

/// Exactly once per port, and nothing after it.
struct EndOfStream {};

using Item =
    std::variant<StreamStart, media::Packet, media::Frame, Cue, Discontinuity, EndOfStream>;

/// Another handle on the same item; payloads are shared.
[[nodiscard]] Item share(const Item& item);
[[nodiscard]] std::size_t item_bytes(const Item& item);
/// Packets (by dts, else pts) and frames; media::kNoTime for the others.
[[nodiscard]] std::int64_t item_time(const Item& item);
/// Packets and frames carry media; the rest steers and is never dropped.
[[nodiscard]] bool carries_media(const Item& item);

}  // namespace sg::pipeline
