#pragma once

#include <string>

#include <support/catch.hpp>

#if !__has_include(<catch2/catch_all.hpp>)
namespace Catch::Matchers {
/// Catch2 v3's name of it, for v2.
inline auto ContainsSubstring(const std::string& text) {
    return Contains(text);
}
}  // namespace Catch::Matchers
#endif
