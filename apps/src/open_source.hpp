#pragma once

#include <string>

#include <base/result.hpp>
#include <engine/probe.hpp>

namespace sg::apps {

/// Opens a file, pipe or image pattern for `probe` and `plan`; a copy where it can be read once
/// only. Nothing of it is interpreted here: that is for a sandboxed child.
[[nodiscard]] Result<engine::ProbeRequest> open_source(const std::string& uri);

}  // namespace sg::apps
