#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <api/principal.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::api {

/// What is known of an API key; not the key. Times are milliseconds since 1970.
struct ApiKey {
    std::string id;
    std::string name;
    std::string owner;
    Role role = Role::kViewer;
    std::set<std::string> scopes;  ///< empty: all
    std::string created_by;        ///< Principal::name
    std::int64_t created_at = 0;
    std::optional<std::int64_t> expires_at;
    std::optional<std::int64_t> revoked_at;
    std::optional<std::int64_t> last_used_at;  ///< to a minute
    std::string successor;                     ///< id of the key it was rotated to
};

/// API keys: "sgk_<id>_<43 letters and digits>". What is stored is the SHA-256 of the whole key: a
/// key has 256 random bits, which nobody guesses however fast the hash is, so a slow one (as for
/// passwords) would only slow down requests. All keys are held in memory: verifying one touches no
/// database. Any thread.
class ApiKeys {
  public:
    [[nodiscard]] static std::vector<sql::Migration> migrations();
    /// `database` must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<ApiKeys>> open(sql::Database& database,
                                                               const Clock& clock);
    ~ApiKeys();

    /// When no key can administer (there is none, or all are expired or revoked), makes one and
    /// writes it to "admin.key" in `data_folder`, readable by the service's user only. Gives the
    /// file's path then. Blocks.
    [[nodiscard]] Result<std::optional<std::filesystem::path>> bootstrap(
        const std::filesystem::path& data_folder);

    /// kPermission says why not, without saying whether the key exists.
    [[nodiscard]] Result<Principal> verify(std::string_view secret);

    struct Made {
        ApiKey key;
        std::string secret;  ///< the whole key: shown once
    };
    /// Fills in id and time; stores nothing.
    [[nodiscard]] Result<Made> make(ApiKey wanted) const;
    /// The successor of a key, with its name, owner, role, scopes and length of life.
    [[nodiscard]] Result<Made> make_successor(const ApiKey& old) const;

    // Within a write of the database; after its commit tell the memory by adopt().
    [[nodiscard]] Status insert(sql::Connection& connection, const Made& made) const;
    /// Its expiry and revocation; what was revoked stays so.
    [[nodiscard]] Status update(sql::Connection& connection, const ApiKey& key) const;
    /// Inserts the successor that `old` has got. kMismatch when `old` was revoked, or got another,
    /// meanwhile.
    [[nodiscard]] Status supersede(sql::Connection& connection,
                                   const ApiKey& old,
                                   const Made& next) const;
    void adopt(const Made& made);
    void adopt(const ApiKey& key);

    [[nodiscard]] std::optional<ApiKey> find(std::string_view id) const;
    /// By time of creation.
    [[nodiscard]] std::vector<ApiKey> list() const;

  private:
    struct Impl;
    explicit ApiKeys(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api
