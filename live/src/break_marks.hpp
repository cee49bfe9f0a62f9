#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>

#include <formats/scte35.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

/// SCTE-35 sections of one channel as EXT-X-DATERANGE lines (RFC 8216 §4.3.2.7.1). Senders repeat a
/// section until its time has come: each is told once. Not thread-safe.
class BreakMarks {
  public:
    /// The line for a section that takes effect at `date`; nothing for one that says nothing new,
    /// marks nothing, or is broken.
    [[nodiscard]] std::optional<std::string> line(std::span<const std::byte> section,
                                                  packagers::WallTime date);

  private:
    struct Open {
        std::string id;
        packagers::WallTime begun;
    };

    [[nodiscard]] bool told(const formats::scte35::Splice& splice);

    std::map<std::uint32_t, Open> open_;  ///< breaks that have begun, by event
    std::deque<formats::scte35::Splice> told_;
};

}  // namespace sg::live
