#pragma once

#include <memory>
#include <string>

#include <base/result.hpp>
#include <ingest/source.hpp>

namespace sg::apps {

/// Opens a file, pipe or image pattern for `probe` and `plan`, with its identity.
[[nodiscard]] Result<std::unique_ptr<ingest::MediaInput>> open_source(const std::string& uri);

}  // namespace sg::apps
