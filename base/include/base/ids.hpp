#pragma once

#include <string>
#include <string_view>

#include <base/clock.hpp>

namespace sg {

/// A new UUIDv7 (RFC 9562 section 5.7) behind a type prefix: "job_0190c4b1-...". Sorts by time of
/// creation. Thread-safe.
[[nodiscard]] std::string make_id(std::string_view prefix, const Clock& clock);

}  // namespace sg
