#pragma once

#include <cstdint>
#include <string_view>

#include <sql/connection.hpp>

#include <base/result.hpp>

namespace sg::jobs {

/// The next number of "job", "event", "lease" or "speed": grows by one, never repeats.
[[nodiscard]] Result<std::int64_t> next_number(sql::Connection& db, std::string_view of);

}  // namespace sg::jobs
