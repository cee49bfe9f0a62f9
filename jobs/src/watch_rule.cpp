#include "watch_rule.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include <fnmatch.h>

#include <fmt/format.h>

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

/// What browsers, FTP and SFTP clients, editors and rsync call a file that is not whole yet.
constexpr std::array kUnfinished{".part",
                                 ".partial",
                                 ".filepart",
                                 ".tmp",
                                 ".temp",
                                 ".crdownload",
                                 ".download",
                                 ".opdownload",
                                 ".!ut",
                                 ".aria2",
                                 ".swp",
                                 "~"};

bool unfinished(const std::string& name) {
    if (name.empty() || name.front() == '.' || name.starts_with("~$")) return true;
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return std::any_of(kUnfinished.begin(), kUnfinished.end(), [&](const char* suffix) {
        return lower.ends_with(suffix);
    });
}

Status absolute(fs::path& path) {
    std::error_code error;
    auto whole = fs::absolute(path, error).lexically_normal();
    if (error) return Error{Errc::kInvalidArgument, error.message()};
    // "in/" and "in" are one folder.
    path = whole.has_filename() ? whole : whole.parent_path();
    return {};
}

Status complete(WatchRule& rule) {
    if (rule.folder.empty()) return Error{Errc::kInvalidArgument, "it names no folder"};
    if (rule.preset.empty()) return Error{Errc::kInvalidArgument, "it names no preset"};
    if (rule.stable < std::chrono::milliseconds(100)) {
        return Error{Errc::kInvalidArgument, "a file must stand still for at least 100 ms"};
    }
    if (rule.done.empty()) rule.done = rule.folder / "done";
    if (rule.failed.empty()) rule.failed = rule.folder / "failed";
    for (auto* path : {&rule.folder, &rule.done, &rule.failed}) {
        SG_TRY(absolute(*path));
        if (!is_plain_text(path->native())) {
            return Error{Errc::kInvalidArgument, "the name of a folder of it is not UTF-8"};
        }
    }
    if (rule.done == rule.folder || rule.failed == rule.folder) {
        return Error{Errc::kInvalidArgument,
                     "its done or failed folder is the watched one; choose another"};
    }
    return {};
}

}  // namespace

Result<std::vector<WatchRule>> completed_rules(std::vector<WatchRule> rules) {
    std::set<std::string> names;
    for (auto& rule : rules) {
        auto status = complete(rule);
        if (status && (rule.name.empty() || !names.insert(rule.name).second)) {
            status = Error{Errc::kInvalidArgument, "its name is empty or another rule's"};
        }
        if (!status) return status.error().within(fmt::format("watch rule '{}'", rule.name));
    }
    return rules;
}

bool matches(const WatchRule& rule, const std::string& file_name) {
    if (unfinished(file_name)) return false;
    return rule.globs.empty() ||
           std::any_of(rule.globs.begin(), rule.globs.end(), [&](const std::string& glob) {
               return fnmatch(glob.c_str(), file_name.c_str(), FNM_CASEFOLD) == 0;
           });
}

bool is_plain_text(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const auto first = static_cast<unsigned char>(bytes[i]);
        if (first < 0x20 || first == 0x7f) return false;
        const std::size_t length = first < 0x80   ? 1
                                   : first < 0xc2 ? 0
                                   : first < 0xe0 ? 2
                                   : first < 0xf0 ? 3
                                   : first < 0xf5 ? 4
                                                  : 0;
        if (length == 0 || bytes.size() - i < length) return false;
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(bytes[i + k]);
            // The second byte is held to less after some first ones (RFC 3629 section 4).
            const unsigned low = k > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
            const unsigned high = k > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
            if (next < low || next > high) return false;
        }
        i += length;
    }
    return true;
}

}  // namespace sg::jobs
