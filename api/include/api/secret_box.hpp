#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::api {

/// Cryptographically random bytes.
[[nodiscard]] std::string random_bytes(std::size_t count);

/// Keeps secrets that the service must read again (of webhooks, of signed URLs) from standing in
/// the database as plain text: AES-256-GCM under a key in a file of its own. Immutable; any thread.
class SecretBox {
  public:
    /// Reads the key (32 bytes as hex), or makes the file (0600) when there is none. kPermission
    /// for a file that others may read.
    [[nodiscard]] static Result<SecretBox> open(const std::filesystem::path& key_file);

    /// `context` (id of the row) must be the same to open it again: a sealed text put into another
    /// row is refused.
    [[nodiscard]] std::string seal(std::string_view secret, std::string_view context) const;
    /// kBadData when it was changed, or sealed under another key.
    [[nodiscard]] Result<std::string> unseal(std::string_view sealed,
                                             std::string_view context) const;

    /// A key of its own for another use, 64 hex digits.
    [[nodiscard]] std::string derive(std::string_view use) const;

  private:
    explicit SecretBox(std::string key) : key_(std::move(key)) {}
    std::string key_;  ///< 32 bytes
};

}  // namespace sg::api
