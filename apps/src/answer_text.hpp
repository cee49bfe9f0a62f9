#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace sg::apps {

/// A member of a server's answer, made safe for a terminal; empty when it is missing or no text.
[[nodiscard]] std::string text(const nlohmann::json& object, const char* key);

}  // namespace sg::apps
