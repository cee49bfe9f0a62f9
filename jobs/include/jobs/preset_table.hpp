#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

// Presets that users stored. A version never changes once made. All functions work inside the
// caller's transaction.

namespace sg::jobs {

struct StoredPreset {
    std::string name;
    std::int64_t version = 0;  ///< from 1, without gaps within owner and name
    std::string owner;         ///< empty: for all owners
    std::string yaml;
    std::string digest;
    Millis created = 0;
};

/// Makes the next version of owner and name; gives it with its number. The same digest as the
/// newest version: gives that one and makes none. `expected`: number of the newest version, 0 for
/// none yet; kMismatch when it is another (If-Match).
[[nodiscard]] Result<StoredPreset> add_preset(sql::Connection& db,
                                              StoredPreset preset,
                                              std::optional<std::int64_t> expected);

/// The owner's own, else the one for all. Without a version the newest. kNotFound.
[[nodiscard]] Result<StoredPreset> find_preset(sql::Connection& db,
                                               std::string_view owner,
                                               std::string_view name,
                                               std::optional<std::int64_t> version);

/// Newest version of each that the owner can use (their own and those for all), by name, after
/// `after_name`.
[[nodiscard]] Result<std::vector<StoredPreset>> list_presets(sql::Connection& db,
                                                             std::string_view owner,
                                                             std::string_view after_name,
                                                             std::int64_t limit);

/// All versions of the preset that find_preset() would find, newest first.
[[nodiscard]] Result<std::vector<StoredPreset>> preset_versions(sql::Connection& db,
                                                                std::string_view owner,
                                                                std::string_view name);

}  // namespace sg::jobs
