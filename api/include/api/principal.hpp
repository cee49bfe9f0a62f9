#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace sg::api {

/// Each may do what those before it may.
enum class Role {
    kViewer,     ///< reads what its owner has
    kSubmitter,  ///< makes and ends its owner's jobs, uploads, webhooks
    kOperator,   ///< all owners' jobs and channels, queues, workers, presets
    kAdmin,      ///< keys, audit log
};
[[nodiscard]] const char* name_of(Role role) noexcept;
[[nodiscard]] std::optional<Role> role(std::string_view name) noexcept;

/// Who makes a request, after authentication.
struct Principal {
    std::string name;   ///< for logs and the audit log: "key:ci-upload", "jwt:alice", "loopback"
    std::string owner;  ///< whose jobs it makes
    Role role = Role::kViewer;
    /// Parts of the API it is limited to ("jobs", "uploads", "events", "channels", ...); empty:
    /// all.
    std::set<std::string> scopes;
    std::string key_id;  ///< for limits by key; empty for others

    /// What to ask the database for: empty (all) from operator on, else its own.
    [[nodiscard]] std::string visible_owner() const {
        return role >= Role::kOperator ? std::string() : owner;
    }
};

}  // namespace sg::api
