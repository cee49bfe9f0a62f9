#pragma once

#include <cstdint>
#include <string>

namespace sg::engine {

/// Something in a source that was put right, counted: {"audio_gap_filled", 3, "3 gaps in the sound were ..."}.
struct Repair {
    std::string code;
    std::int64_t count = 0;
    std::string text;  ///< in plain words
};

}  // namespace sg::engine
