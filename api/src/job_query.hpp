#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <api/principal.hpp>
#include <api/problem.hpp>
#include <jobs/job_table.hpp>

namespace sg::api {

/// Names of what jobs are filtered by, and their texts: of a query or of a document.
using FilterTexts = std::map<std::string, std::string, std::less<>>;

struct JobQuery {
    jobs::JobFilter filter;
    std::string shape;  ///< what it asks for but the page: a cursor goes with one shape only
};

/// state (several with commas), tag ("key:value"), owner, external_id, created_from, created_to,
/// limit, cursor. Others see their own jobs only.
[[nodiscard]] std::optional<Problem> read_job_query(const FilterTexts& texts,
                                                    const Principal& principal,
                                                    std::int64_t default_limit,
                                                    JobQuery& query);

/// Where the next page begins: after this job.
[[nodiscard]] std::string cursor_after(const JobQuery& query, std::int64_t seq);

/// The number of an ETag in If-Match; 0 when the field is missing or "*".
[[nodiscard]] std::optional<Problem> read_if_match(std::string_view field, std::int64_t& version);

[[nodiscard]] std::string etag(std::int64_t version);

}  // namespace sg::api
