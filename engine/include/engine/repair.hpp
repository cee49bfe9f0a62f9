#pragma once

#include <cstdint>
#include <string>

namespace sg::engine {

/// Something that was put right, counted: {"pts_missing", 12, "12 pictures had no timestamp ..."}.
struct Repair {
    std::string code;
    std::int64_t count = 0;
    std::string text;  ///< in plain words
};

}  // namespace sg::engine
