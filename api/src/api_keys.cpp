#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include <fcntl.h>

#include <api/api_keys.hpp>
#include <fmt/format.h>

#include <base/digest.hpp>
#include <base/file.hpp>
#include <base/log.hpp>

#include "random_text.hpp"

namespace sg::api {
namespace {

constexpr std::string_view kPrefix = "sgk_";
constexpr std::size_t kIdLength = 12;
constexpr std::size_t kSecretLength = 43;  // 256 bits
constexpr std::int64_t kUseNotedEach = 60'000;

std::int64_t ms_of(const Clock& clock) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
        .count();
}

std::string join(const std::set<std::string>& scopes) {
    std::string out;
    for (const auto& scope : scopes) out += (out.empty() ? "" : " ") + scope;
    return out;
}

std::set<std::string> split(std::string_view text) {
    std::set<std::string> out;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        if (!word.empty()) out.emplace(word);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return out;
}

sql::Param time_param(const std::optional<std::int64_t>& time) {
    return time ? sql::Param(*time) : sql::Param(nullptr);
}

std::optional<std::int64_t> time_of(const sql::Row& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return row.integer(column);
}

/// "sgk_ID_SECRET"; empty when it is not of that form.
std::string_view id_of(std::string_view secret) {
    const auto length = kPrefix.size() + kIdLength + 1 + kSecretLength;
    if (secret.size() != length || !secret.starts_with(kPrefix) ||
        secret[kPrefix.size() + kIdLength] != '_') {
        return {};
    }
    return secret.substr(kPrefix.size(), kIdLength);
}

}  // namespace

struct ApiKeys::Impl {
    struct Entry {
        ApiKey key;
        std::string hash;
        std::int64_t use_noted = 0;
    };
    Impl(sql::Database& store, const Clock& time) : database(store), clock(time) {}

    sql::Database& database;
    const Clock& clock;
    mutable std::shared_mutex mutex;
    std::map<std::string, Entry, std::less<>> entries;

    void note_use(const std::string& id, std::int64_t now);
};

ApiKeys::ApiKeys(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiKeys::~ApiKeys() = default;

std::vector<sql::Migration> ApiKeys::migrations() {
    return {{"api.keys", 1, R"sql(
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    owner TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    successor TEXT NOT NULL DEFAULT ''
);
)sql"}};
}

Result<std::unique_ptr<ApiKeys>> ApiKeys::open(sql::Database& database, const Clock& clock) {
    auto impl = std::make_unique<Impl>(database, clock);
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY(reader->query(
        "SELECT id, name, hash, owner, role, scopes, created_by, created_at, expires_at, "
        "revoked_at, last_used_at, successor FROM api_keys",
        {},
        [&](const sql::Row& row) -> Status {
            Impl::Entry entry;
            auto& key = entry.key;
            key.id = row.text(0);
            key.name = row.text(1);
            entry.hash = row.text(2);
            key.owner = row.text(3);
            const auto known = api::role(row.text(4));
            if (!known) {
                return Error{
                    Errc::kBadData,
                    fmt::format(
                        "read API key {}: its role '{}' is none of ours", key.id, row.text(4))};
            }
            key.role = *known;
            key.scopes = split(row.text(5));
            key.created_by = row.text(6);
            key.created_at = row.integer(7);
            key.expires_at = time_of(row, 8);
            key.revoked_at = time_of(row, 9);
            key.last_used_at = time_of(row, 10);
            key.successor = row.text(11);
            impl->entries.emplace(key.id, std::move(entry));
            return {};
        }));
    return std::unique_ptr<ApiKeys>(new ApiKeys(std::move(impl)));
}

Result<std::optional<std::filesystem::path>> ApiKeys::bootstrap(
    const std::filesystem::path& data_folder) {
    const auto now = ms_of(impl_->clock);
    for (const auto& key : list()) {
        if (key.role == Role::kAdmin && !key.revoked_at && key.expires_at.value_or(now + 1) > now) {
            return std::optional<std::filesystem::path>();
        }
    }
    ApiKey wanted;
    wanted.name = "admin";
    wanted.owner = "admin";
    wanted.role = Role::kAdmin;
    wanted.created_by = "bootstrap";
    SG_TRY_ASSIGN(const auto made, make(std::move(wanted)));
    // The file first: a key in the database that nobody has would count as one that administers.
    const auto path = data_folder / "admin.key";
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    {
        SG_TRY_ASSIGN(const auto file, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
        const auto line = made.secret + "\n";
        SG_TRY(write_all(file.get(), std::as_bytes(std::span(line)), path.string()));
    }
    SG_TRY(sync_folder(data_folder));
    SG_TRY(impl_->database.write_now(
        [&](sql::Connection& connection) { return insert(connection, made); }));
    adopt(made);
    return std::optional(path);
}

Result<Principal> ApiKeys::verify(std::string_view secret) {
    const auto hash = sha256_hex(secret);
    const auto id = id_of(secret);
    const auto now = ms_of(impl_->clock);
    Principal principal;
    bool note = false;
    {
        const std::shared_lock lock(impl_->mutex);
        const auto found = impl_->entries.find(id);
        if (found == impl_->entries.end() || !equal_in_constant_time(found->second.hash, hash)) {
            return Error{Errc::kPermission, "the API key is not valid here"};
        }
        // From here the whole key was right: whoever has it may know more.
        const auto& key = found->second.key;
        if (key.revoked_at) return Error{Errc::kPermission, "the API key was revoked"};
        if (key.expires_at && *key.expires_at <= now) {
            return Error{Errc::kPermission, "the API key has expired"};
        }
        principal.name = fmt::format("key:{}/{}", key.name, key.id);
        principal.owner = key.owner;
        principal.role = key.role;
        principal.scopes = key.scopes;
        principal.key_id = key.id;
        note = now - found->second.use_noted >= kUseNotedEach;
    }
    if (note) impl_->note_use(principal.key_id, now);
    return principal;
}

void ApiKeys::Impl::note_use(const std::string& id, std::int64_t now) {
    {
        const std::unique_lock lock(mutex);
        const auto found = entries.find(id);
        if (found == entries.end() || now - found->second.use_noted < kUseNotedEach) return;
        found->second.use_noted = now;
        found->second.key.last_used_at = now;
    }
    database.write(
        [id, now](sql::Connection& connection) -> Status {
            SG_TRY(
                connection.run("UPDATE api_keys SET last_used_at = $1 WHERE id = $2", {now, id}));
            return {};
        },
        [](const Status& status) {
            if (!status) log::warn("api_key_use_not_noted reason=\"{}\"", status.error().message);
        });
}

Result<ApiKeys::Made> ApiKeys::make(ApiKey wanted) const {
    Made made;
    made.key = std::move(wanted);
    SG_TRY_ASSIGN(made.key.id, random_base62(kIdLength));
    SG_TRY_ASSIGN(const auto secret, random_base62(kSecretLength));
    made.secret = fmt::format("{}{}_{}", kPrefix, made.key.id, secret);
    made.key.created_at = ms_of(impl_->clock);
    return made;
}

Result<ApiKeys::Made> ApiKeys::make_successor(const ApiKey& old) const {
    auto wanted = old;
    wanted.revoked_at.reset();
    wanted.last_used_at.reset();
    wanted.successor.clear();
    if (old.expires_at) {
        wanted.expires_at = ms_of(impl_->clock) + (*old.expires_at - old.created_at);
    }
    return make(std::move(wanted));
}

Status ApiKeys::insert(sql::Connection& connection, const Made& made) const {
    const auto& key = made.key;
    SG_TRY(connection.run(
        "INSERT INTO api_keys (id, name, hash, owner, role, scopes, created_by, created_at, "
        "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {key.id,
         key.name,
         sha256_hex(made.secret),
         key.owner,
         name_of(key.role),
         join(key.scopes),
         key.created_by,
         key.created_at,
         time_param(key.expires_at)}));
    return {};
}

Status ApiKeys::update(sql::Connection& connection, const ApiKey& key) const {
    SG_TRY(
        connection.run("UPDATE api_keys SET expires_at = $1, revoked_at = coalesce(revoked_at, "
                       "$2) WHERE id = $3",
                       {time_param(key.expires_at), time_param(key.revoked_at), key.id}));
    return {};
}

Status ApiKeys::supersede(sql::Connection& connection, const ApiKey& old, const Made& next) const {
    SG_TRY_ASSIGN(const auto changed,
                  connection.run("UPDATE api_keys SET expires_at = $1, successor = $2 WHERE id = "
                                 "$3 AND revoked_at IS NULL AND successor = ''",
                                 {time_param(old.expires_at), next.key.id, old.id}));
    if (changed == 0) {
        return Error{Errc::kMismatch, "the key was revoked or rotated meanwhile"};
    }
    return insert(connection, next);
}

void ApiKeys::adopt(const Made& made) {
    const std::unique_lock lock(impl_->mutex);
    impl_->entries[made.key.id] = {made.key, sha256_hex(made.secret), 0};
}

void ApiKeys::adopt(const ApiKey& key) {
    const std::unique_lock lock(impl_->mutex);
    const auto found = impl_->entries.find(key.id);
    if (found == impl_->entries.end()) return;
    // What another request did since the key was read stands.
    auto& kept = found->second.key;
    auto before = std::exchange(kept, key);
    if (before.revoked_at) kept.revoked_at = before.revoked_at;
    if (kept.successor.empty()) kept.successor = std::move(before.successor);
}

std::optional<ApiKey> ApiKeys::find(std::string_view id) const {
    const std::shared_lock lock(impl_->mutex);
    const auto found = impl_->entries.find(id);
    if (found == impl_->entries.end()) return std::nullopt;
    return found->second.key;
}

std::vector<ApiKey> ApiKeys::list() const {
    std::vector<ApiKey> out;
    {
        const std::shared_lock lock(impl_->mutex);
        for (const auto& [id, entry] : impl_->entries) out.push_back(entry.key);
    }
    std::sort(out.begin(), out.end(), [](const ApiKey& a, const ApiKey& b) {
        return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    return out;
}

}  // namespace sg::api
