#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <base/file.hpp>
#include <engine/published.hpp>
#include <packagers/bandwidth.hpp>
#include <packagers/hls_presentation.hpp>

#include "presentation.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_manifest(const fs::path& path) {
    const auto ending = path.extension();
    return ending == ".m3u8" || ending == ".mpd" || ending == ".json";
}

/// Media playlists, then the ledger, then what a player opens first.
int manifest_rank(const fs::path& relative) {
    if (relative.has_parent_path()) return 0;
    return relative.filename() == kLedgerFile ? 1 : 2;
}

bool same_file(const fs::path& a, const fs::path& b) {
    struct stat first {};
    struct stat second {};
    if (::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0) return false;
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

Status link_file(const fs::path& from, const fs::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    const int why = errno;
    if (why == EEXIST) {
        if (same_file(from, to)) return {};
        // Left by a run that was cut off while it published: the same name, so the same bytes.
        if (::unlink(to.c_str()) != 0) return errno_error(errno, "replace " + to.string());
        return link_file(from, to);
    }
    if (why != EPERM && why != EOPNOTSUPP && why != EMLINK && why != EXDEV && why != ENOSYS) {
        return errno_error(why, "link " + to.string());
    }
    std::error_code ec;
    const auto temporary = to.string() + ".tmp";
    fs::copy_file(from, temporary, fs::copy_options::overwrite_existing, ec);
    if (!ec) fs::rename(temporary, to, ec);
    if (ec) return errno_error(ec.value(), "copy " + to.string());
    return {};
}

Status publish(const fs::path& stage, const fs::path& output) {
    std::vector<fs::path> manifests;
    std::error_code ec;
    SG_TRY(make_folders(output));
    for (fs::recursive_directory_iterator it(stage, ec), end; !ec && it != end; it.increment(ec)) {
        const auto relative = it->path().lexically_relative(stage);
        if (it->is_directory()) {
            SG_TRY(make_folders(output / relative));
        } else if (is_manifest(relative)) {
            manifests.push_back(relative);
        } else {
            SG_TRY(link_file(it->path(), output / relative));
        }
    }
    if (ec) return errno_error(ec.value(), "read folder " + stage.string());
    // A player that follows the manifests must find all that they name, also after a power cut.
    for (fs::directory_iterator at(stage, ec), end; !ec && at != end; at.increment(ec)) {
        if (at->is_directory()) SG_TRY(sync_folder(output / at->path().filename()));
    }
    if (ec) return errno_error(ec.value(), "read folder " + stage.string());
    std::sort(manifests.begin(), manifests.end(), [](const fs::path& a, const fs::path& b) {
        return std::pair(manifest_rank(a), a) < std::pair(manifest_rank(b), b);
    });
    for (const auto& m : manifests) {
        SG_TRY_ASSIGN(const auto text, read_file(stage / m, std::size_t{256} << 20));
        SG_TRY(write_file_atomic(output / m, text, Durability::kFsync));
    }
    return {};
}

void withdraw(const fs::path& stage, const fs::path& output) {
    std::error_code ec;
    for (fs::directory_iterator it(stage, ec), end; !ec && it != end; it.increment(ec)) {
        const auto published = output / it->path().filename();
        std::error_code ignored;
        if (!it->is_directory(ignored)) {
            if (same_file(it->path(), published)) fs::remove(published, ignored);
            continue;
        }
        // Each chunk brings its init segment along, so the stage may have a later one.
        std::vector<fs::path> others{"index.m3u8", "iframes.m3u8"};
        std::vector<fs::path> linked;
        for (fs::directory_iterator at(it->path(), ignored); !ignored && at != end;
             at.increment(ignored)) {
            const auto name = at->path().filename();
            (same_file(at->path(), published / name) ? linked : others).push_back(name);
        }
        if (linked.empty()) continue;
        for (const auto& name : others) fs::remove(published / name, ignored);
        // Last: they tell whose the folder is.
        for (const auto& name : linked) fs::remove(published / name, ignored);
        fs::remove(published, ignored);  // only when empty
    }
}

std::string ledger_json(const pipeline::Plan& plan,
                        std::span<const packagers::TrackIndex> tracks,
                        const std::vector<std::string>& manifests) {
    const auto target = packagers::final_target_seconds(tracks);
    json renditions = json::array();
    for (const auto& t : tracks) {
        const auto rate = packagers::measured_bitrate(t, target);
        std::uint64_t bytes = 0;
        for (const auto& s : t.segments) bytes += s.bytes;
        renditions.push_back({{"name", t.description.rendition},
                              {"codecs", t.description.codecs},
                              {"segments", t.segments.size()},
                              {"bytes", bytes},
                              {"average_bps", rate.average},
                              {"peak_bps", rate.peak}});
    }
    return json{{"version", 1},
                {"plan", plan.digest()},
                {"preset", plan.preset},
                {"manifests", manifests},
                {"renditions", renditions}}
               .dump(2) +
           "\n";
}

Result<Ledger> read_ledger(const fs::path& output) {
    SG_TRY_ASSIGN(const auto text, read_file(output / kLedgerFile, std::size_t{16} << 20));
    try {
        const auto j = json::parse(text);
        Ledger ledger;
        j.at("plan").get_to(ledger.plan_digest);
        j.at("preset").get_to(ledger.preset);
        j.at("manifests").get_to(ledger.files);
        for (const auto& r : j.at("renditions"))
            ledger.folders.push_back(r.at("name").get<std::string>());
        return ledger;
    } catch (const json::exception& e) {
        return Error{Errc::kBadData,
                     fmt::format("read {}: {}", (output / kLedgerFile).string(), e.what())};
    }
}

Status unpublish(const fs::path& output, const Ledger& ledger) {
    // A ledger is a file anybody may have edited: only plain names below the folder are removed.
    const auto plain = [](const std::string& name) {
        return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
    };
    std::error_code ec;
    for (const auto& name : ledger.files) {
        if (plain(name)) fs::remove(output / name, ec);
    }
    for (const auto& name : ledger.folders) {
        if (plain(name)) fs::remove_all(output / name, ec);
    }
    fs::remove_all(output / "ts", ec);
    fs::remove(output / kLedgerFile, ec);
    if (ec) return errno_error(ec.value(), "remove the earlier presentation in " + output.string());
    return {};
}

Status remove_published(const fs::path& folder) {
    const auto ledger = read_ledger(folder);
    if (!ledger) {
        if (ledger.error().code == Errc::kNotFound) return {};
        return ledger.error();
    }
    SG_TRY(unpublish(folder, *ledger));
    std::error_code ignored;
    fs::remove(folder, ignored);  // only when empty
    return {};
}

Result<Published> read_published(const fs::path& folder) {
    SG_TRY_ASSIGN(auto ledger, read_ledger(folder));
    Published out{std::move(ledger.plan_digest), std::move(ledger.files)};
    for (auto& name : ledger.folders) out.entries.push_back(std::move(name));
    out.entries.emplace_back("ts");
    return out;
}

}  // namespace sg::engine
