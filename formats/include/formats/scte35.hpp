#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <base/result.hpp>

namespace sg::formats::scte35 {

/// What a splice_info_section says of a break (ANSI/SCTE 35 2022, section 9.6). Times are 90 kHz.
struct Splice {
    enum class Command : std::uint8_t { kNull = 0, kInsert = 5, kTimeSignal = 6 };

    Command command = Command::kNull;  ///< other commands have their own numbers
    std::uint32_t event_id = 0;  ///< of splice_insert, else of the first segmentation descriptor
    bool cancelled = false;
    bool out_of_network = false;            ///< splice_insert: the break begins; else it ends
    std::optional<std::uint64_t> pts;       ///< 33 bits, adjusted; nothing: at once
    std::optional<std::uint64_t> duration;  ///< of the break or segment
    std::optional<std::uint8_t> segmentation_type;  ///< section 10.3.3.1, table 23
};

/// `section`: from table_id to CRC_32. kBadData for a broken one, kUnsupported for an encrypted
/// one.
[[nodiscard]] Result<Splice> parse_section(std::span<const std::byte> section);

}  // namespace sg::formats::scte35
