#include <algorithm>
#include <cctype>

#include <base/file.hpp>
#include <engine/index.hpp>

namespace sg::engine {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{512} << 20;

/// Empty when the digest is not one of ours: it must not name another folder.
std::filesystem::path file_for(const std::filesystem::path& folder,
                               const pipeline::SourceIdentity& identity) {
    const bool hex = identity.digest.size() == 64 &&
                     std::all_of(identity.digest.begin(),
                                 identity.digest.end(),
                                 [](unsigned char c) { return std::isxdigit(c) != 0; });
    const bool known = identity.kind == "sha256" || identity.kind == "sampled";
    if (!hex || !known) return {};
    return folder / ("index-" + identity.kind + "-" + identity.digest + ".json");
}

}  // namespace

Status save_index(const std::filesystem::path& cache_folder, const Index& index) {
    const auto path = file_for(cache_folder, index.identity);
    if (path.empty())
        return Error{Errc::kInvalidArgument, "save an index: its source was not identified"};
    SG_TRY(make_folders(cache_folder));
    return write_file_atomic(path, to_json(index), Durability::kNone);
}

Result<Index> load_index(const std::filesystem::path& cache_folder,
                         const pipeline::SourceIdentity& identity) {
    const auto path = file_for(cache_folder, identity);
    if (path.empty()) return Error{Errc::kNotFound, "load an index: its source was not identified"};
    SG_TRY_ASSIGN(const std::string text, read_file(path, kMaxFileBytes));
    SG_TRY_ASSIGN(Index index, index_from_json(text));
    if (index.identity != identity)
        return Error{Errc::kNotFound,
                     "load an index: " + path.filename().string() + " belongs to another source"};
    return index;
}

}  // namespace sg::engine
