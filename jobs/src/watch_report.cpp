#include "watch_report.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/clock.hpp>
#include <base/file.hpp>

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

std::string time_text(Millis time) {
    return rfc3339(Clock::Wall(std::chrono::milliseconds(time)));
}

std::string report_text(const WatchRule& rule,
                        const WatchedFile& file,
                        const WatchedEnd& end,
                        const std::optional<fs::path>& moved) {
    nlohmann::ordered_json out;
    out["version"] = 1;
    out["rule"] = rule.name;
    out["file"] = (rule.folder / file.path).native();
    out["size"] = file.identity.size;
    if (moved) out["movedTo"] = moved->native();
    if (!file.job.empty()) out["job"] = file.job;
    out["state"] = end.state;
    if (!end.reason.empty()) out["reason"] = end.reason;
    if (!end.message.empty()) out["message"] = end.message;
    if (file.submitted > 0) out["submitted"] = time_text(file.submitted);
    if (end.ended > 0) out["ended"] = time_text(end.ended);
    if (!end.result.empty()) {
        auto outputs = nlohmann::ordered_json::parse(end.result, nullptr, false);
        if (!outputs.is_discarded()) out["outputs"] = std::move(outputs);
    }
    return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

/// False when there is a file of that name already.
Result<bool> rename_if_free(const fs::path& from, const fs::path& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno == EINVAL || errno == ENOSYS) {  // a file system that cannot promise it
        std::error_code error;
        if (fs::symlink_status(to, error).type() != fs::file_type::not_found) return false;
        if (rename(from.c_str(), to.c_str()) == 0) return true;
    }
    auto failed = errno_error(errno, fmt::format("move {} to {}", from.native(), to.native()));
    if (errno == EXDEV) failed.message += "; give the rule a folder on the same file system";
    return failed;
}

}  // namespace

Status settle_source(const WatchRule& rule, const WatchedFile& file, const WatchedEnd& end) {
    const auto source = rule.folder / file.path;
    const auto folder =
        (end.succeeded ? rule.done : rule.failed) / fs::path(file.path).parent_path();
    SG_TRY(make_folders(folder));
    const auto plain = folder / source.filename();
    const auto suffix =
        file.job.empty() ? fmt::format("refused-{}", file.identity.inode) : file.job;
    const auto own =
        folder /
        fmt::format("{}-{}{}", source.stem().native(), suffix, source.extension().native());
    std::optional<fs::path> moved;
    if (identity_of(source) == file.identity) {
        SG_TRY_ASSIGN(const bool free, rename_if_free(source, plain));
        moved = plain;
        if (!free) {
            SG_TRY_ASSIGN(const bool own_free, rename_if_free(source, own));
            if (!own_free) return Error{Errc::kMismatch, own.native() + " exists already"};
            moved = own;
        }
    } else if (identity_of(plain) == file.identity) {
        moved = plain;  // before a kill
    } else if (identity_of(own) == file.identity) {
        moved = own;
    }
    return write_file_atomic((moved ? moved->native() : own.native()) + ".json",
                             report_text(rule, file, end, moved),
                             Durability::kNone);
}

}  // namespace sg::jobs
