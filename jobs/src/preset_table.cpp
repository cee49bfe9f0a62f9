#include <utility>

#include <fmt/format.h>
#include <jobs/preset_table.hpp>

namespace sg::jobs {
namespace {

#define SG_PRESET "SELECT name, version, owner, yaml, digest, created FROM job_presets p "

Result<std::vector<StoredPreset>> read(sql::Connection& db,
                                       std::string_view sql,
                                       std::initializer_list<sql::Param> params) {
    std::vector<StoredPreset> presets;
    SG_TRY(db.query(sql, params, [&](const sql::Row& row) -> Status {
        presets.push_back({std::string(row.text(0)),
                           row.integer(1),
                           std::string(row.text(2)),
                           std::string(row.text(3)),
                           std::string(row.text(4)),
                           row.integer(5)});
        return {};
    }));
    return presets;
}

Error unknown(std::string_view name) {
    return Error{Errc::kNotFound, fmt::format("there is no stored preset {}", name)};
}

}  // namespace

Result<StoredPreset> add_preset(sql::Connection& db,
                                StoredPreset preset,
                                std::optional<std::int64_t> expected) {
    SG_TRY_ASSIGN(auto newest,
                  read(db,
                       SG_PRESET "WHERE owner = $1 AND name = $2 ORDER BY version DESC LIMIT 1",
                       {preset.owner, preset.name}));
    const auto version = newest.empty() ? 0 : newest.front().version;
    if (expected && *expected != version)
        return Error{Errc::kMismatch,
                     fmt::format("preset {}: its newest version is {}, not {}; read it again",
                                 preset.name,
                                 version,
                                 *expected)};
    if (!newest.empty() && newest.front().digest == preset.digest) return std::move(newest.front());
    preset.version = version + 1;
    SG_TRY(db.run(
        "INSERT INTO job_presets(owner, name, version, yaml, digest, created) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        {preset.owner, preset.name, preset.version, preset.yaml, preset.digest, preset.created}));
    return preset;
}

Result<StoredPreset> find_preset(sql::Connection& db,
                                 std::string_view owner,
                                 std::string_view name,
                                 std::optional<std::int64_t> version) {
    // The name of all ('') sorts before any owner's.
    SG_TRY_ASSIGN(auto found,
                  version ? read(db,
                                 SG_PRESET "WHERE name = $1 AND owner IN ($2, '') AND version = $3 "
                                           "ORDER BY owner DESC LIMIT 1",
                                 {name, owner, *version})
                          : read(db,
                                 SG_PRESET "WHERE name = $1 AND owner IN ($2, '') "
                                           "ORDER BY owner DESC, version DESC LIMIT 1",
                                 {name, owner}));
    if (found.empty())
        return unknown(version ? fmt::format("{}@{}", name, *version) : std::string(name));
    return std::move(found.front());
}

Result<std::vector<StoredPreset>> list_presets(sql::Connection& db,
                                               std::string_view owner,
                                               std::string_view after_name,
                                               std::int64_t limit) {
    return read(db,
                SG_PRESET
                "WHERE owner IN ($1, '') AND name > $2 AND version = (SELECT max(version) "
                "FROM job_presets n WHERE n.owner = p.owner AND n.name = p.name) "
                "AND (owner <> '' OR $1 = '' OR NOT EXISTS (SELECT 1 FROM job_presets o "
                "WHERE o.owner = $1 AND o.name = p.name)) "
                "ORDER BY name LIMIT $3",
                {owner, after_name, limit});
}

Result<std::vector<StoredPreset>> preset_versions(sql::Connection& db,
                                                  std::string_view owner,
                                                  std::string_view name) {
    SG_TRY_ASSIGN(const auto found, find_preset(db, owner, name, std::nullopt));
    return read(
        db, SG_PRESET "WHERE owner = $1 AND name = $2 ORDER BY version DESC", {found.owner, name});
}

}  // namespace sg::jobs
