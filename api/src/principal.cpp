#include <algorithm>
#include <array>
#include <iterator>

#include <api/principal.hpp>

namespace sg::api {
namespace {

constexpr std::array kRoles{"viewer", "submitter", "operator", "admin"};

}  // namespace

const char* name_of(Role role) noexcept {
    return kRoles[static_cast<std::size_t>(role)];
}

std::optional<Role> role(std::string_view name) noexcept {
    const auto found = std::find(kRoles.begin(), kRoles.end(), name);
    if (found == kRoles.end()) return std::nullopt;
    return static_cast<Role>(std::distance(kRoles.begin(), found));
}

}  // namespace sg::api
