#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace sg::api::test {

/// Holds a value against a JSON Schema: the words that our schemas use, and no others (an unknown
/// one is a fault). References are looked up in `root`. Gives the faults, each with its pointer.
[[nodiscard]] std::vector<std::string> faults_against(const nlohmann::json& schema,
                                                      const nlohmann::json& value,
                                                      const nlohmann::json& root);

}  // namespace sg::api::test
