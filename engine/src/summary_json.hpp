#pragma once

#include <nlohmann/json_fwd.hpp>

#include <engine/transcode.hpp>

namespace sg::engine {

/// What `input.finished` says of an input that went well.
[[nodiscard]] nlohmann::json finished_json(const InputSummary& summary);
/// What `input.failed` says of one that did not.
[[nodiscard]] nlohmann::json failed_json(const InputSummary& summary);

}  // namespace sg::engine
