#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>

// What a check of a transport stream segment needs (ISO/IEC 13818-1); not a demultiplexer for
// playback.

namespace sg::formats::ts {

struct PesStart {
    std::size_t packet = 0;           ///< number of the packet it starts in
    std::optional<std::int64_t> pts;  ///< 90 kHz, 33 bits
    std::optional<std::int64_t> dts;
    bool random_access = false;
};

struct ParsedStream {
    unsigned pid = 0;
    std::uint8_t type = 0;               ///< stream_type of the PMT
    std::array<char, 4> registration{};  ///< format_identifier, zeros when there is none
    std::string language;
    std::vector<PesStart> units;
    /// Of the first PES packet, without its header; at most 4 MiB are kept.
    std::vector<std::byte> first_payload;
};

/// Last continuity counter of each PID: goes from one segment into the next.
using Continuity = std::map<unsigned, std::uint8_t>;

struct ParsedTs {
    std::size_t packets = 0;
    bool tables_first = false;  ///< PAT, then PMT, before any other packet
    unsigned clock_pid = 0;
    std::size_t clocks = 0;             ///< PCRs on it
    std::vector<ParsedStream> streams;  ///< in the order of the PMT
    std::vector<std::string> problems;  ///< at most 32: counter breaks, errors flagged, bad headers
    Continuity continuity;
};

/// Takes hostile bytes. kBadData when packets are out of sync or no program is found; lesser
/// breaches are listed as problems. `before` is the state after the segment before, so that breaks
/// between the two are seen.
[[nodiscard]] Result<ParsedTs> parse_ts(std::span<const std::byte> bytes,
                                        const Continuity& before = {});

}  // namespace sg::formats::ts
